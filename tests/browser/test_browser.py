"""The whole house in a browser: Chromium's camera plays the sample, the real server answers, the page shows it."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser_support as support
import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright
from waiting import wait_until
from websockets.sync.client import connect

from face3d_live import rotations
from face3d_live.codes import ARKIT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

#: Live, and the server sees the sample's face: not the empty pictures from before the engine has loaded.
LIVE = "body[data-state=live]:has([data-reading=face].seen)"
FPS = 30


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    camera = support.camera_file(tmp_path_factory.mktemp("camera"))
    flags = [*support.FLAGS, f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=flags)
        yield chromium
        chromium.close()


def open_page(browser, server, *, camera: bool = True, width: int = 1280, height: int = 800):
    """A page in a context of its own, its script errors collected in `page.faults`."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, accept_downloads=True, reduced_motion="reduce"
    )
    context.grant_permissions(["camera"] if camera else [])
    context.add_init_script(support.FEW_PICTURES + support.RECORDER)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(server.url)
    return page


def test_the_sample_plays_without_h264(browser, server) -> None:
    """As in Firefox without its plug-in: of the sample's two copies only the VP9 one can be played."""
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(
        support.FEW_PICTURES + "const can = HTMLMediaElement.prototype.canPlayType;"
        "HTMLMediaElement.prototype.canPlayType = function (t) { return /avc1|mp4/.test(t) ? '' : can.call(this, t); };"
    )
    page = context.new_page()
    asked = []
    page.route("**/sample.mp4", lambda route: route.abort())
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    page.click("#sample")
    page.wait_for_selector(LIVE, timeout=120_000)
    assert any(url.endswith("sample.webm") for url in asked)
    context.close()


def wait_for_notice(page, text: str) -> None:
    """It may be one that passes, such as between two attempts to connect."""
    expect(page.locator("#notice-text")).to_contain_text(text, timeout=120_000)


@pytest.fixture(scope="module")
def page(browser, server) -> Iterator:
    """One page that runs from the camera through most tests of this module."""
    page = open_page(browser, server)
    page.click("#start")
    page.wait_for_selector(LIVE, timeout=120_000)
    yield page
    assert page.faults == []
    page.context.close()


def test_the_avatar_moves(page) -> None:
    # The server's first picture can come before the first avatar.
    wait_until(lambda: support.grab(page).std(axis=(0, 1)).min() > 8)
    shown = np.stack([support.later(page, 3) for _ in range(6)])
    assert shown.std(axis=(1, 2)).min() > 8, "a blank picture"
    middle, edge = shown[:, 20:44, 20:44].mean((0, 1, 2)), shown[:, :4, :6].mean((0, 1, 2))
    assert np.abs(middle - edge).max() > 15, "no head in the middle"
    moved = np.abs(np.diff(shown, axis=0)).mean(axis=(1, 2, 3))
    assert np.median(moved) > 0.3, f"the picture hardly changes: {moved.round(2)}"


def test_the_readings(page) -> None:
    expect(page.locator("[data-reading=fps] dd")).to_have_text(re.compile(r"\d+ fps"), timeout=120_000)
    expect(page.locator("[data-reading=delay] dd")).to_have_text(re.compile(r"\d+ ms"), timeout=120_000)
    expect(page.locator("[data-reading=device] dd")).to_have_text(re.compile(r"CPU (BF16|FP32|INT8)"), timeout=120_000)
    assert page.locator(".meter").count() == 52
    assert page.evaluate("new Set([...document.querySelectorAll('.meter')].map((m) => m.dataset.name)).size") == 52


@pytest.fixture(scope="module")
def series(page, server) -> dict:
    """The expression stream over a little more than one loop of the sample, at 30 per second by the frames' time.

    Also the head's yaw, and `began`: when the first frame came, monotonic.
    """
    frames: list[dict] = []
    began = time.monotonic()
    with connect(server.url.replace("http", "ws") + "api/expressions") as stream:
        assert json.loads(stream.recv(timeout=10))["hello"]["names"] == list(ARKIT)
        while time.monotonic() < began + 11:
            frames.append(json.loads(stream.recv(timeout=10)))
            if len(frames) == 1:
                began = time.monotonic()
    if len(frames) < 60:
        pytest.skip(f"the machine is busy: {len(frames)} frames in 11 s show no blinks")
    assert np.mean([frame["face"] for frame in frames]) > 0.9
    t = np.array([frame["t"] for frame in frames])
    assert np.all(np.diff(t) > 0)
    grid = np.arange(t[0], t[-1], 1 / FPS)
    yaw = [rotations.to_euler(rotations.from_quaternion(frame["rotation"]))[0] for frame in frames]
    values = {name: [frame["expression"][name] for frame in frames] for name in ARKIT}
    return {
        "began": began,
        "count": len(frames),
        **{name: np.interp(grid, t, value) for name, value in {"yaw": yaw, **values}.items()},
    }


def turns() -> np.ndarray:  # (270,) radians
    """The sample's known yaw."""
    return np.array([rotations.to_euler(rotation)[0] for rotation in np.load(support.CODES)["rotation"]])


def test_turns_jaw_and_blinks_come_back_in_time(series) -> None:
    """The turns of the head tell where in the loop the series begins; jaw and lids must then agree with that."""
    known = np.load(support.CODES)
    frames, turned = support.align(series["yaw"], turns())
    assert turned > 0.85, f"the head's turns correlate only {turned:.2f} with the sample's"

    def agreement(name: str, got: np.ndarray) -> float:
        wanted = known["expression"][:, known["expression_names"].tolist().index(name)].astype(float)
        # Smoothing may delay by up to a tenth of a second.
        return max(support.correlation(got, support.at(wanted, frames - late)) for late in (-1, 0, 1, 2, 3))

    jaw = agreement("jawOpen", series["jawOpen"])
    blink = agreement("eyeBlinkLeft", (series["eyeBlinkLeft"] + series["eyeBlinkRight"]) / 2)
    smile = agreement("mouthSmileLeft", (series["mouthSmileLeft"] + series["mouthSmileRight"]) / 2)
    print(f"{series['count']} frames, pace {frames[1] - frames[0]:.2f}")
    print(f"turns {turned:.2f}, jaw {jaw:.2f}, blink {blink:.2f}, smile {smile:.2f}")
    assert jaw > 0.65, f"jawOpen correlates only {jaw:.2f} with the sample's"
    assert blink > 0.55, f"blinks correlate only {blink:.2f} with the sample's"
    assert smile > 0.75, f"smiles correlate only {smile:.2f} with the sample's"


#: The newest message's coefficients and the lengths of the bars, both in the order of the server's hello.
BARS = """() => {
  const { names } = window.recorded.find((message) => message.type === "hello");
  const length = (name) => document.querySelector(`[data-name=${name}] i`).style.transform.match(/[\\d.]+/)?.[0] ?? 0;
  return [window.recorded.findLast((message) => message.type === "frame").expression, names.map(length).map(Number)];
}"""


def test_bars_follow_the_stream(page) -> None:
    """Every bar is as long as the newest message says, and some of them move."""
    pairs = []
    for _ in range(8):
        known = page.evaluate("window.recorded.length")
        support.until(page, f"window.recorded.length > {known + 2}")
        pairs.append(page.evaluate(BARS))
    sent, shown = np.array(pairs).swapaxes(0, 1)
    assert sent.shape[1] == 52
    assert np.abs(sent - shown).max() < 0.01
    assert shown.std(axis=0).max() > 0.02


def test_views_change_the_picture(page) -> None:
    seen: list[np.ndarray] = []

    def another() -> list[np.ndarray]:
        shown = support.grab(page)
        return [shown] if all(np.abs(shown - other).mean() > 8 for other in seen) else []

    for mode in ("avatar", "overlay", "wireframe"):
        page.check(f"input[value={mode}]", force=True)
        seen += wait_until(another)  # the head's own movement changes less of the picture
    page.check("input[value=avatar]", force=True)


def test_drag_and_double_click_move_the_camera(page) -> None:
    page.check("input[value=avatar]", force=True)
    box = page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    view = "JSON.stringify(window.sent.findLast((message) => message.type === 'view'))"
    before = average(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 4, y, steps=6)
    page.mouse.up()
    # Mirrored, a hand that goes right turns the head to the picture's left.
    wait_until(lambda: '"yaw":-0.' in page.evaluate(view))
    (turned,) = wait_until(lambda: [shown for shown in [average(page)] if np.abs(shown - before).mean() > 3])
    page.mouse.wheel(0, -600)
    wait_until(lambda: np.abs(average(page) - turned).mean() > 3)
    page.mouse.dblclick(x, y)
    wait_until(lambda: '"yaw":0,"pitch":0,"zoom":1' in page.evaluate(view))
    wait_until(lambda: np.abs(average(page) - before).mean() < np.abs(turned - before).mean())


def average(page) -> np.ndarray:
    """The mean of some pictures, so that the head's own movement weighs little."""
    return np.mean([support.later(page, 2) for _ in range(4)], 0)


def test_mirror_flips_both_videos_and_nothing_else(page) -> None:
    style = (
        "[...document.querySelectorAll('#camera, #avatar')].map((v) => new DOMMatrix(getComputedStyle(v).transform).a)"
    )
    assert page.evaluate(style) == [-1, -1]
    page.click("#mirror")
    assert page.get_attribute("#mirror", "aria-pressed") == "false"
    assert page.evaluate(style) == [1, 1]
    page.click("#mirror")
    assert page.evaluate(style) == [-1, -1]


def test_snapshot_opens_elsewhere_and_in_the_studio(page, tmp_path: Path) -> None:
    import trimesh

    with page.expect_download(timeout=250_000) as download:
        page.click("#snapshot")
    assert download.value.suggested_filename.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        archive.extractall(tmp_path)
    path = next(tmp_path.rglob("mesh.obj"))
    parts: Any = trimesh.load_scene(path, process=False, split_object=True).geometry.values()
    mesh = max(parts, key=lambda part: len(part.vertices))  # the head; the other is its hair
    assert len(mesh.vertices) > 4000 and len(mesh.faces) > 8000
    uv = np.asarray(mesh.visual.uv)
    assert len(uv) == len(mesh.vertices) and uv.min() >= 0 and uv.max() <= 1 and uv.std() > 0.1
    texture = np.asarray(mesh.visual.material.image.convert("RGB"), np.float32)
    assert min(texture.shape[:2]) >= 512 and texture.std() > 10
    assert "expression" in np.load(next(tmp_path.rglob("params.npz")))
    with page.context.expect_page() as opened:
        page.click("#to-studio")
    studio = opened.value
    studio.wait_for_selector("body[data-state=live]", timeout=120_000)
    support.until(studio, "document.querySelector('#head').width > 0")
    wait_until(lambda: support.head_of(studio).std() > 10)
    studio.close()


def test_a_lost_server_is_told_and_found_again(page, server) -> None:
    """The last test of the running page: afterwards it is stopped, and the others have the machine to themselves."""
    server.kill()
    page.wait_for_selector("body[data-state=away]", timeout=120_000)
    wait_for_notice(page, "not answering")
    assert page.is_disabled("#snapshot")
    server.start()
    page.wait_for_selector(LIVE, timeout=120_000)
    pictures = [support.later(page, 4) for _ in range(4)]
    assert pictures[-1].std() > 8
    assert np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2, 3)).max() > 0.3, "the picture is frozen"
    page.click("#stop")
    page.wait_for_selector("body[data-state=idle]")


def test_calibrate_counts_down_and_answers(browser, server) -> None:
    page = open_page(browser, server)
    page.evaluate(support.STILL_CAMERA, support.still_jpeg())
    page.click("#start")
    page.wait_for_selector(LIVE, timeout=120_000)
    said = page.locator("#notice-text")

    def measured() -> bool:
        page.click("#calibrate")
        page.wait_for_selector("#countdown:not([hidden])")
        expect(said).to_have_text(re.compile("neutral|hold your face in view"), timeout=120_000)
        return "neutral" in said.inner_text()

    wait_until(measured, 120)  # a busy machine may show too few pictures within half a second
    assert page.get_attribute("body", "data-state") == "live"
    assert page.faults == []
    page.context.close()


def test_a_blocked_camera_leads_to_the_sample(browser, server) -> None:
    page = open_page(browser, server, camera=False)
    page.click("#start")
    expect(page.locator("#card.trouble h2")).to_contain_text("camera")
    page.click("#sample")
    page.wait_for_selector(LIVE, timeout=120_000)
    assert page.evaluate("document.querySelector('#camera').videoWidth") == 640
    assert support.grab(page).std() > 8
    page.click("#stop")
    page.wait_for_selector("body[data-state=idle]")
    assert page.inner_text("#card-title").startswith("Your face") and page.inner_text("#start") == "Start camera"
    assert page.faults == []
    page.context.close()


def test_a_camera_that_is_allowed_too_late_is_switched_off(browser, server) -> None:
    page = open_page(browser, server)
    page.evaluate(support.SLOW_CAMERA)
    page.click("#start")
    expect(page.locator("#notice-text")).to_contain_text("permission")
    page.click("#stop")
    page.click("#start")
    support.until(page, "window.asked.length === 2")
    page.evaluate("window.asked[1].allow()")
    page.wait_for_selector(LIVE, timeout=120_000)
    page.evaluate("window.asked[0].allow()")
    support.until(page, support.CAMERAS + ".join() === 'ended,live'")
    assert page.get_attribute("body", "data-state") == "live"
    page.click("#stop")
    assert page.evaluate(support.CAMERAS) == ["ended", "ended"]
    assert page.faults == []
    page.context.close()


def test_phone_width_never_scrolls_sideways_and_the_server_knows_the_pictures_size(browser, server) -> None:
    page = open_page(browser, server)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    inside = "[...document.querySelectorAll('button, .views label')].filter((b) => b.offsetParent).every((b) => {"
    inside += "const r = b.getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth; })"
    phones = [{"width": 360, "height": 640}, {"width": 740, "height": 360}]
    told = "window.sent.findLast((message) => message.type === 'view').pixels"
    for phone in phones:
        page.set_viewport_size(phone)
        page.reload()
        assert page.evaluate(fits)
    page.click("#start")
    page.wait_for_selector(LIVE, timeout=120_000)
    for phone in reversed(phones):
        page.set_viewport_size(phone)
        assert page.evaluate(fits)
        assert page.evaluate(inside), "a button hangs out of the page"
        width, height = page.evaluate(
            "[document.querySelector('#view').clientWidth, document.querySelector('#view').clientHeight]"
        )
        shown = max(width, height) if width < 1.05 * height else height
        support.until(page, f"{told} === {shown}")
    page.context.close()


def test_refusals_are_shown_in_the_servers_words(browser, server) -> None:
    page = open_page(browser, server)
    answers = {"status": 503, "json": {"error": {"code": "full", "message": "All four places are taken."}}}
    page.route("**/api/sessions", lambda route: route.fulfill(**answers))
    page.click("#start")
    wait_for_notice(page, "All four places are taken.")
    answers.update(status=401, json={"error": {"code": "token", "message": "a token is needed"}})
    page.wait_for_selector("body[data-state=idle] #card.trouble")
    assert "token" in page.inner_text("#card-title")
    assert page.faults == []
    page.context.close()


def test_the_avatar_needs_no_data_channel(browser, server) -> None:
    page = open_page(browser, server)
    page.evaluate("""RTCPeerConnection.prototype.createDataChannel = () =>
        Object.assign(new EventTarget(), { readyState: "connecting", bufferedAmount: 0, close() {} })""")
    page.click("#start")
    page.wait_for_selector("body[data-state=live]", timeout=120_000)
    expect(page.locator("[data-reading=fps] dd")).to_have_text(re.compile(r"\d+ fps"), timeout=120_000)
    assert page.faults == []
    page.context.close()
