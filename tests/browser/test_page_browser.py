"""What a new user meets on the live page, in its order, in one page whose camera plays the sample."""

from __future__ import annotations

from collections.abc import Iterator

import browser_support as support
import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

BARS = "[...document.querySelectorAll('.meter > i')].map((bar) => bar.style.transform).join()"


@pytest.fixture(scope="module")
def page(tmp_path_factory, server) -> Iterator:
    camera = support.camera_file(tmp_path_factory.mktemp("camera"))
    with sync_playwright() as playwright:
        flags = [*support.FLAGS, f"--use-file-for-fake-video-capture={camera}"]
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=flags)
        context = chromium.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
        context.add_init_script(support.FEW_PICTURES)
        context.grant_permissions(["camera", "microphone", "clipboard-read", "clipboard-write"])
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url)
        yield page
        assert faults == []
        chromium.close()


def start(page) -> None:
    page.click("#start")
    page.wait_for_selector("body[data-state=live]:has([data-reading=face].seen)", timeout=120_000)


def test_before_the_start_a_head_moves_silently(page) -> None:
    support.until(page, "document.querySelector('#intro').currentTime > 0.2")
    assert page.evaluate("(({ muted, loop }) => muted && loop)(document.querySelector('#intro'))")
    support.until(page, f"(window.before ??= {BARS}) !== {BARS}")
    expect(page.locator("#card-text")).to_contain_text("webcam")
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    assert page.evaluate("document.querySelector('#intro').paused")


def test_the_first_start_offers_a_calibration_once(page) -> None:
    start(page)
    assert page.locator("#intro").is_hidden()
    guide = page.locator("#guide")
    expect(guide).to_contain_text("Five short movements")
    page.click("#guide-start")
    expect(page.locator("#guide-text")).to_have_text("1 of 5: Neutral")
    expect(page.locator("#countdown")).to_be_visible()
    page.click("#guide-skip")
    expect(page.locator("#guide-text")).to_have_text("2 of 5: Open mouth")
    page.click("#guide-end")
    expect(guide).to_be_hidden()
    expect(page.locator("#countdown")).to_be_hidden()
    page.click("#stop")
    start(page)
    assert guide.is_hidden()


def test_the_camera_is_chosen_and_kept(page) -> None:
    page.check("input[value=camera-tab]", force=True)
    given = page.locator("#camera-tab [role=status]")
    expect(given).to_contain_text("640 × 480")
    expect(page.locator("select[name=camera] option")).not_to_have_count(1)
    page.get_by_label("Resolution").select_option("320x240")
    expect(given).to_contain_text("320 × 240")
    support.until(page, "document.querySelector('#camera').videoWidth === 320")
    assert page.get_attribute("body", "data-state") == "live"
    page.check("input[value=wireframe]", force=True)
    page.click("#camera")
    expect(page.locator("#notice-text")).to_have_text("Looking for a face where you clicked.")
    page.reload()
    assert page.locator("#camera-tab").is_visible()
    assert page.get_by_label("Resolution").input_value() == "320x240"
    assert page.is_checked("input[value=wireframe]")
    page.get_by_label("Resolution").select_option("640x480")
    page.check("input[value=avatar]", force=True)
    start(page)


#: The newest coefficient of a name, as the bar shows it.
LENGTH = "Number(document.querySelector('[data-name=jawOpen] > i').style.transform.match(/[\\d.]+/)[0])"


def test_keys(page) -> None:
    page.check("input[value=expression]", force=True)
    page.keyboard.press("2")
    assert page.get_attribute("body", "data-view") == "overlay"
    page.keyboard.press("1")
    page.keyboard.press("m")
    expect(page.locator("#acting")).to_be_visible()
    support.until(page, LENGTH + " === 0")
    page.keyboard.press("m")
    expect(page.locator("#acting")).to_be_hidden()
    page.evaluate("""localStorage.setItem("face3d-choices", JSON.stringify(
      { ...JSON.parse(localStorage["face3d-choices"]), expressions: { 4: { jawOpen: 0.97 } } }))""")
    page.reload()
    start(page)
    page.keyboard.press("4")
    support.until(page, LENGTH + " >= 0.96")
    page.keyboard.press("h")
    page.keyboard.press("4")
    support.until(page, LENGTH + " >= 0.96")  # held
    page.keyboard.press("h")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Hold the expression")
    expect(page.locator("#keys .own-keys")).to_contain_text("jawOpen")
    page.get_by_role("button", name="Take my face now").nth(1).click()
    expect(page.locator(".own-keys li").nth(1)).not_to_contain_text("free")
    page.keyboard.press("Escape")


def test_the_address_for_obs(page) -> None:
    page.check("input[value=outputs]", force=True)
    address = page.get_by_label("Address of the avatar alone")
    plain = page.evaluate("location.href").partition("#")[0]
    expect(address).to_have_value(f"{plain}view?bg=transparent&ui=0")
    page.get_by_role("button", name="Green").click()
    page.locator(".obs").get_by_label("Mirror").check()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{plain}view?bg=00ff00&ui=0&mirror=1"


def test_a_dark_face_is_told_what_to_do(page) -> None:
    page.click("#stop")
    page.evaluate(support.STILL_CAMERA, support.still_jpeg(light=0.3))
    start(page)
    expect(page.locator("#quality")).to_contain_text("turn on a light", timeout=60_000)
    expect(page.locator("[data-reading=face]")).to_have_attribute("data-quality", "poor")
    page.evaluate("document.querySelector('[data-language]').click()")
    expect(page.locator("#quality")).to_contain_text("脸部太暗")
    page.reload()
    page.evaluate("document.querySelector('[data-language]').click()")
