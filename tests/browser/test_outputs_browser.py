"""The Outputs panel in a real Chromium: an output is added, tuned while frames go out, saved, paused, removed."""

import asyncio
import contextlib

import pytest
from browser_support import CHROMIUM, FLAGS
from live_helpers import serve
from outputs_helpers import Receiver, blends_of
from playwright.async_api import async_playwright
from protocol_frames import frame_of
from waiting import beats, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: apt-get install chromium"),
]


@contextlib.asynccontextmanager
async def frames(served):
    """A face with an open jaw, 30 times a second."""

    async def publish():
        async for _ in beats(30):
            served.live.hub.publish(frame_of(jawOpen=0.4, mouthSmileLeft=0.5))

    publishing = asyncio.create_task(publish())
    try:
        yield
    finally:
        publishing.cancel()


@contextlib.asynccontextmanager
async def page_of(served, width, height):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            page = await browser.new_page(
                viewport={"width": width, "height": height}, locale="en", reduced_motion="reduce"
            )
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(served.base + "/")
            await page.click("#panel-tabs label:has-text('Outputs')")
            await page.wait_for_selector(".out-form")
            yield page
            assert errors == []
        finally:
            await browser.close()


async def newest(receiver, name, wanted):
    await until(lambda: abs(blends_of(receiver.packets()).get(name, -1) - wanted) < 0.011)


async def test_add_tune_save_pause_remove(tmp_path):
    receiver = Receiver()
    async with serve(ready=False, config=tmp_path) as served, frames(served), page_of(served, 390, 844) as page:
        await page.fill(".out-form input[name=port]", str(receiver.port))
        await page.click(".out-form button")
        await page.wait_for_selector("li[data-state=sending] .out-status:has-text('packets')")
        await newest(receiver, "JawOpen", 0.4)

        await page.click("button:has-text('Tune')")
        await page.click("[data-channel=jawOpen] summary")
        gain = page.locator("[data-channel=jawOpen] [data-knob=gain]")
        await gain.evaluate("slider => { slider.value = 2; slider.dispatchEvent(new Event('input')); }")
        await newest(receiver, "JawOpen", 0.8)
        await page.wait_for_selector("[data-channel=jawOpen] summary output:has-text('0.80')")
        await page.wait_for_selector("[data-channel=jawOpen] .dot[cx='40.0'][cy='20.0']")  # 0.4 came, 0.8 is sent
        await page.check(".tuning label:has-text('Mirror') input")
        await newest(receiver, "MouthSmileRight", 0.5)
        await page.fill(".out-save input", "Loud jaw")
        await page.click(".out-save button")
        await page.wait_for_selector("text=Saved as Loud jaw.")
        saved = served.live.outputs.profiles.load("Loud jaw")
        assert saved.mirror and saved.channels["jawOpen"].gain == 2
        await page.wait_for_selector("#outputs li select >> text=Loud jaw", state="attached")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390

        await page.click("[role=switch]", force=True)
        await page.wait_for_selector("li[data-state=off]")
        receiver.packets()
        other = Receiver()  # one that does get packets meanwhile
        served.live.outputs.add(f"vmc://127.0.0.1:{other.port}?rate=120")
        for _ in range(10):
            await until(other.packets)
        assert receiver.packets() == []
        await served.live.outputs.remove(next(o for o in served.live.outputs if o.address.port == other.port))
        other.close()

        await page.fill(".out-form input[name=host]", "224.0.0.1")
        await page.click(".out-form button")
        await page.wait_for_selector(".out-trouble:has-text('not one machine')")
        await page.click("button[aria-label='Remove VMC']")
        await page.wait_for_selector("#outputs [data-id]", state="detached")
        assert len(served.live.outputs) == 0
    receiver.close()
