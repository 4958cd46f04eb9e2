"""Nothing hangs out of the page: five widths, two languages, two fonts, every tab, text of twice the size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser_support as support
import pytest
from playwright.sync_api import sync_playwright

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

SIZES = ((390, 844), (768, 1024), (1280, 720), (1440, 900), (1920, 1080))
#: What a browser falls back to, and the widest one: letters of 0.6 em each.
FONTS = ("sans-serif", "monospace")

#: Everything shown at this font. Where no font has Chinese characters, their places are made as wide as they would be.
SET_FONT = """(font) => {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `100px ${font}`;
  const narrow = document.documentElement.lang.startsWith("zh") && context.measureText("\u6c49").width < 90;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { font-family: ${font} !important; letter-spacing: ${narrow ? ".4em" : "normal"} !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""

#: What hangs out of the window, of its button, or of the scrolling panel. Texts for screen readers alone are left out.
OUTSIDE = """() => {
  const found = [], page = document.documentElement;
  const say = (what, at) => found.push(`${what} ${at.localName}#${at.id} ${at.textContent.trim().slice(0, 30)}`);
  const whole = "button, a, dd, h1, h2, h3, p, legend, li, .panel, fieldset span, .group-head, .out-row, .buttons";
  if (page.scrollWidth > innerWidth) say(`${page.scrollWidth} wide:`, page);
  for (const element of document.querySelectorAll("body *")) {
    const shown = element.checkVisibility({ visibilityProperty: true });
    if (!shown || getComputedStyle(element).position === "absolute") continue;
    const { left, right, width } = element.getBoundingClientRect();
    if (width && (left < -0.5 || right > innerWidth + 0.5)) say("outside:", element);
    const cut = element.clientWidth && element.scrollWidth > element.clientWidth + 1;
    if (cut && element.matches(whole)) say("cut off:", element);
  }
  return found;
}"""

#: As while a camera runs and is recorded, without one: only styles depend on it.
PRETEND_LIVE = """() => {
  document.body.dataset.state = "live";
  for (const button of document.querySelectorAll(".actions button")) button.disabled = false;
}"""
HEIGHTS = "[...document.querySelectorAll('.tools, .stage')].map((part) => part.clientHeight)"


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=[*support.FLAGS])
        yield chromium
        chromium.close()


def tabs(page) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('input[name=panel]')].map((tab) => tab.value)")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_nothing_overflows(browser, server, tmp_path: Path, language: str) -> None:
    """The pictures are in the test's folder, for whoever wants to look at them."""
    page = browser.new_page(locale=language, reduced_motion="reduce")
    page.add_init_script(support.FEW_PICTURES)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    for address in ("", "studio.html"):
        page.goto(server.url + address)
        for font in FONTS:
            page.evaluate(SET_FONT, font)
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                assert page.evaluate(OUTSIDE) == [], f"{address} {font} {width}"
                page.screenshot(path=tmp_path / f"{address or 'live'}-{font}-{width}.png")
                for tab in tabs(page):
                    page.check(f"input[value={tab}]", force=True)
                    assert page.evaluate(OUTSIDE) == [], f"{tab} {font} {width}"
    assert len(list(tmp_path.glob("*.png"))) == 2 * len(FONTS) * len(SIZES)
    assert faults == []
    page.close()


def test_recording_moves_nothing(browser, server) -> None:
    """The toolbar and the stage keep their heights when the record button says what it does."""
    page = browser.new_page(reduced_motion="reduce")
    page.add_init_script(support.FEW_PICTURES)
    page.goto(server.url)
    page.evaluate(PRETEND_LIVE)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        heights = page.evaluate(HEIGHTS)
        page.evaluate("""() => {
          document.querySelector("#record").setAttribute("aria-pressed", "true");
          document.querySelector("#record span").textContent = "Stop recording";
        }""")
        assert page.evaluate(HEIGHTS) == heights, width
        assert page.evaluate(OUTSIDE) == [], width
        page.evaluate("""() => {
          document.querySelector("#record").setAttribute("aria-pressed", "false");
          document.querySelector("#record span").textContent = "Record";
        }""")
    page.close()


def test_text_of_twice_the_size_and_forced_colours(browser, server) -> None:
    """Sizes follow the browser's size of text; what colours alone said is said by borders."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(server.url)
    size = "parseFloat(getComputedStyle(document.querySelector('#start')).fontSize)"
    before = page.evaluate(size)
    page.evaluate("document.documentElement.style.fontSize = '32px'")
    assert page.evaluate(size) == 2 * before
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(OUTSIDE) == [], width
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.check("input[value=expression]", force=True)
    page.emulate_media(forced_colors="active")
    fill, ground = page.evaluate("""() => {
      const meter = document.querySelector(".meter");
      meter.firstElementChild.style.transform = "scaleX(.5)";
      return [getComputedStyle(meter.firstElementChild).backgroundColor, getComputedStyle(meter).backgroundColor];
    }""")
    assert fill != ground, "the bars cannot be seen"
    assert page.evaluate("getComputedStyle(document.querySelector('.meter')).borderTopWidth") == "1px"
    chosen = "getComputedStyle(document.querySelector('.panel-tabs input:checked + span')).outlineStyle"
    assert page.evaluate(chosen) == "solid"
    page.close()


def test_a_phone_as_the_camera(browser, server) -> None:
    """Only what a camera needs, in either direction; every target is large enough for a finger."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    targets = """[...document.querySelectorAll("button, a, .views label, .panel-tabs label")]
      .filter((target) => target.checkVisibility())
      .map((target) => [target.id || target.textContent.trim(), Math.round(target.getBoundingClientRect().height)])"""
    for fragment, sizes in (("#camera=1", ((390, 844), (844, 390))), ("", ((360, 640), (740, 360)))):
        page.goto("about:blank")
        page.goto(server.url + fragment)
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("document.body.dataset.state = 'idle'")
            assert page.evaluate(OUTSIDE) == [], (fragment, width)
            found = page.evaluate(targets)
            assert [pair for pair in found if pair[1] < 44] == [], (fragment, width)
            page.evaluate(PRETEND_LIVE)
            assert page.evaluate(OUTSIDE) == [], (fragment, width)
            if fragment:
                assert [name for name, _ in page.evaluate(targets)] == ["中文", "mirror", "stop"]
                below = "document.querySelector('.tools').getBoundingClientRect().bottom"
                assert page.evaluate(below) <= height
    context.close()
