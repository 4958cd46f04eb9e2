"""The page records, offers what it recorded, and calibrates, in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import browser_support as support
import pytest
from outputs_helpers import Receiver
from playwright.sync_api import expect
from pylivelinkface import FaceBlendShape, PyLiveLinkFace
from takes_support import CAMERA, expression, write
from waiting import wait_until

from face3d_live.codes import HeadCodes
from face3d_live.takes.model import TakeFrame
from face3d_live.takes.reader import load
from face3d_live.track.profile import load_profile

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory, server) -> Iterator:
    """The page, its camera running."""
    camera = support.camera_file(tmp_path_factory.mktemp("camera"))
    flags = [*support.FLAGS, f"--use-file-for-fake-video-capture={camera}"]
    with support.running(server.url, flags) as page:
        yield page


def test_record_stop_download_delete(page, takes, tmp_path) -> None:
    assert not list(takes.glob("*"))
    page.click("#record")
    expect(page.locator("#record")).to_have_attribute("aria-pressed", "true", timeout=120_000)
    before = page.evaluate(support.SENT)
    expect(page.locator("#record span")).to_have_text("Stop recording")
    expect(page.locator("#recording")).to_have_text(re.compile(r"0:0[3-9] · \d+ kB"), timeout=120_000)
    sent = page.evaluate(support.SENT) - before
    page.click("#record")
    card = page.locator("#takes li")
    expect(card).to_have_count(1, timeout=120_000)
    expect(page.locator("#record span")).to_have_text("Record")

    (path,) = takes.iterdir()
    take = load(path)
    assert take.notes == () and take.face.mean() > 0.5 and take.seconds > 1.5
    missing = sum(gap.pictures for _, gap in take.gaps)
    # Every picture, or a marked gap.
    assert len(take) + missing == pytest.approx(sent, rel=0.35, abs=8)

    for kind in ("csv", "jsonl"):
        card.locator("select").select_option(kind)
        with page.expect_download(timeout=120_000) as download:
            card.get_by_text("Download").click()
        download.value.save_as(tmp_path / f"take.{kind}")
    assert (tmp_path / "take.csv").read_text().count("\n") == len(take) + 1
    assert (tmp_path / "take.jsonl").read_bytes() == path.read_bytes()

    name = card.get_by_label("Name of the take")
    name.fill("The first one")
    name.press("Enter")
    wait_until(lambda: load(path).header.name == "The first one")
    remove = card.get_by_role("button").last
    remove.click()
    expect(card).to_have_count(0, timeout=120_000)
    expect(page.locator("#takes")).to_contain_text("No takes yet")
    page.click("#undo")
    expect(name).to_have_value("The first one")
    remove.click()
    expect(page.locator("#notice-text")).to_have_text("Deleted The first one.")
    wait_until(lambda: list(takes.iterdir()) == [])


def test_calibrating_in_steps(page, tmp_path) -> None:
    page.check("#panel-tabs input[value=calibration]")
    steps = page.locator(".cal-steps li")
    expect(steps).to_have_count(5)
    page.click(".cal-single summary")
    said = page.locator("#notice-text")
    value = page.locator('[data-step="smile"] .cal-value')
    page.click("#stop")
    page.evaluate(support.STILL_CAMERA, support.still_jpeg(support.BROAD_SMILE))
    page.click("#start")
    expect(page.locator("[data-reading=face]")).to_have_class("seen", timeout=120_000)
    page.locator('[data-step="smile"] button').click()
    expect(page.locator("#countdown span")).to_have_text("A broad smile: hold it", timeout=120_000)
    page.wait_for_selector('[data-step="smile"] button:enabled')
    expect(value).to_have_text(re.compile(r"✓ 0\.\d\d / 0\.\d\d"))
    expect(said).to_have_text("Measured: Smile.")
    expect(page.locator("#countdown")).to_be_hidden()
    expect(page.locator('[data-step="neutral"] .cal-value')).to_have_text("–")

    page.locator(".cal-person input").fill("Zoë")
    page.locator(".cal-person input").blur()
    with page.expect_download() as download:
        page.get_by_text("Save to a file").click()
    assert download.value.suggested_filename == "Zoë-calibration.json"
    download.value.save_as(tmp_path / "zoe.json")
    profile = load_profile(tmp_path / "zoe.json")
    assert profile.person == "Zoë" and profile.calibration.peak.max() > 0.1

    page.get_by_text("Forget", exact=True).click()
    expect(page.locator('[data-step="smile"] .cal-value')).to_have_text("–")
    plain = json.loads((tmp_path / "zoe.json").read_text("utf-8"))
    plain["range"] = {"jawOpen": 0.5}
    (tmp_path / "other.json").write_text(json.dumps(plain), "utf-8")
    page.locator("#calibration input[type=file]").set_input_files(tmp_path / "other.json")
    expect(page.locator('[data-step="jaw"] .cal-value')).to_have_text("✓ 0.50", timeout=120_000)
    (tmp_path / "bad.json").write_text("{}")
    page.locator("#calibration input[type=file]").set_input_files(tmp_path / "bad.json")
    expect(said).to_contain_text("Not calibrated", timeout=120_000)
    expect(page.locator('[data-step="jaw"] .cal-value')).to_have_text("✓ 0.50")


def newest_jaw(receiver: Receiver) -> float:
    """What a receiver gets next."""
    receiver.packets()
    packets = wait_until(receiver.packets)
    return PyLiveLinkFace.decode(packets[-1])[1].get_blendshape(FaceBlendShape.JawOpen)


def test_a_take_is_played_from_the_page(page, takes) -> None:
    """Seen on the page and sent to an output, before the camera's face; looped, in part, stopped."""
    wide = HeadCodes(expression=expression(jawOpen=0.96))
    path = takes / "wide.jsonl"
    write(path, [TakeFrame(i, i / 30, True, wide, CAMERA) for i in range(90)])
    receiver = Receiver()
    made = page.request.post(f"{page.url}api/outputs", data={"url": f"livelink://127.0.0.1:{receiver.port}"})
    assert made.status == 201
    page.check("#panel-tabs input[value=expression]")
    page.check("#panel-tabs input[value=takes]")
    card = page.locator("#takes li[data-id=wide]")
    expect(card).to_have_count(1, timeout=120_000)
    player = page.locator(".player")
    expect(player).to_be_hidden()
    assert newest_jaw(receiver) != pytest.approx(0.96, abs=1e-3)  # the camera's face

    card.get_by_role("button", name="Play hello").click()
    expect(player).to_be_visible()
    player.get_by_label("Loop").check()
    expect(player.locator("canvas")).to_have_attribute("data-pictures", re.compile(r"\d{2,}"), timeout=120_000)
    face = player.locator("canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height * 0.4, 1, 1).data[3]"
    )
    assert face == 255, "a head, and not an empty picture"
    assert newest_jaw(receiver) == pytest.approx(0.96, abs=1e-3)
    playing = page.request.get(f"{page.url}api/playing").json()["playing"]
    assert playing["take"] == "wide" and playing["loop"] is True

    position = player.get_by_label("Position")
    position.fill("2.5")
    wait_until(lambda: page.request.get(f"{page.url}api/playing").json()["playing"]["position"] > 2.4)
    player.get_by_label("From, s").fill("1")
    player.get_by_label("To, s").fill("2")
    player.get_by_label("To, s").blur()
    player.get_by_label("Speed").select_option("0.5")
    expect(player.locator(".take-head span")).to_have_text(re.compile(r"0:01\.\d / 0:02\.0"), timeout=120_000)

    def as_asked_for() -> bool:
        playing = page.request.get(f"{page.url}api/playing").json()["playing"]
        return (playing["start"], playing["speed"], playing["frames"]) == (1, 0.5, 30)

    wait_until(as_asked_for)
    player.get_by_role("button", name="Save this part").click()
    expect(page.locator("#takes li")).to_have_count(2, timeout=120_000)
    (part,) = set(takes.iterdir()) - {path}
    assert load(part).header.name == "hello, part" and len(load(part)) == 30
    part.unlink()
    player.get_by_label("From, s").fill("99")
    player.get_by_label("From, s").blur()
    expect(player.get_by_role("alert")).to_contain_text("Start must be", timeout=120_000)

    player.get_by_role("button", name="Stop", exact=True).click()
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_enabled(timeout=120_000)
    assert page.request.get(f"{page.url}api/playing").json() == {"playing": None}
    assert newest_jaw(receiver) != pytest.approx(0.96, abs=1e-3)  # the camera's face
    player.get_by_role("button", name="Stop and close").click()
    expect(player).to_be_hidden()
    page.request.delete(page.url.rstrip("/") + made.headers["location"])
    path.unlink()
    receiver.close()
