#!/usr/bin/env python3
"""Pictures of the page's panels and of the studio, for docs/page.md: scripts/make_page_pictures.py [NAME...]

Starts the server, plays the page's own sample in Debian's Chromium, which needs no network and no camera, and writes
docs/images/page/NAME.jpg. The portrait of the studio is NASA's picture of Eileen Collins, in the public domain, which
scikit-image brings along. About a minute on two cores.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from skimage import data

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "images" / "page"
WIDTH, HEIGHT = 1280, 800
QUALITY = 82
WAIT_MS = 120_000
PANELS = {
    "expression": "expression", "calibrate": "calibration", "avatar": "avatar-file", "camera": "camera-tab",
    "outputs": "outputs", "takes": "takes",
}  # fmt: skip
NAMES = ("start", "live", *PANELS, "keys", "studio")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip


@contextmanager
def server(home: str) -> Iterator[str]:
    """A server of its own; its address."""
    command = [sys.executable, str(ROOT / "run_live.py"), "--port", "0", "--takes", f"{home}/takes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            yield next(word for line in lines for word in line.split() if word.startswith("http://"))
        finally:
            process.terminate()


def save(name: str, shot: Callable[..., bytes], wanted: set[str]) -> None:
    """A screenshot into docs/images/page."""
    if name in wanted:
        shot(path=OUT / f"{name}.jpg", type="jpeg", quality=QUALITY, animations="disabled")
        print(f"docs/images/page/{name}.jpg")


def live_pictures(page: Page, wanted: set[str]) -> None:
    """Of the live page."""
    page.wait_for_function("document.querySelector('#intro').currentTime > 1", timeout=WAIT_MS)
    save("start", page.screenshot, wanted)
    page.click("#sample")
    page.wait_for_selector("body[data-state=live]", timeout=WAIT_MS)
    page.wait_for_function("document.querySelector('#avatar').currentTime > 4", timeout=WAIT_MS)
    save("live", page.screenshot, wanted)
    page.click("#record")  # a take for the list
    page.wait_for_function("document.querySelector('#avatar').currentTime > 8", timeout=WAIT_MS)
    page.click("#record")
    for name, tab in PANELS.items():
        page.check(f"input[name=panel][value={tab}]", force=True)
        page.wait_for_selector(f"[data-tab={tab}]", timeout=WAIT_MS)
        page.wait_for_load_state("networkidle")
        save(name, page.locator("aside.panel").screenshot, wanted)
    page.click("#keys-open")
    save("keys", page.locator("#keys").screenshot, wanted)
    page.click("#keys-close")


def studio_picture(page: Page, address: str, photo: Path, wanted: set[str]) -> None:
    """Of the studio with a finished head, a little turned."""
    page.goto(f"{address}studio.html")
    page.set_input_files("#file", photo)
    page.wait_for_selector("#make:enabled", timeout=WAIT_MS)
    page.click("#make")
    page.wait_for_selector("body[data-state=live]", timeout=WAIT_MS)
    page.wait_for_selector("#notice", state="hidden", timeout=WAIT_MS)
    page.focus("#view")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # the large picture of the head that rests
    save("studio", page.screenshot, wanted)


def main() -> None:
    """All pictures, or those that are named."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    wanted = set(sys.argv[1:]) or set(NAMES)
    if chromium is None or not wanted <= set(NAMES):
        sys.exit(f"needs chromium (apt-get install chromium); the pictures are {', '.join(NAMES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, server(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", bypass_csp=True)
        page.goto(address)
        if wanted != {"studio"}:
            live_pictures(page, wanted)
        if "studio" in wanted:
            photo = Path(home) / "portrait.png"
            Image.fromarray(data.astronaut()).save(photo)
            studio_picture(page, address, photo, wanted)
        browser.close()


if __name__ == "__main__":
    main()
