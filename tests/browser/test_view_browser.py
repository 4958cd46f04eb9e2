"""The page for streaming programs in a real Chromium: what is beside the head is transparent, the head is not."""

from __future__ import annotations

import io

import browser_support as support
import numpy as np
import pytest
from avatar_pipeline import AvatarPipeline, shows_the_fox
from avatar_support import fox
from live_helpers import Browser, serve
from PIL import Image
from playwright.async_api import async_playwright
from waiting import until

from face3d_live.export.png import png_bytes
from face3d_live.live.limits import Limits

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

RED = png_bytes(np.full((9, 16, 3), (255, 0, 0), np.uint8))


async def picture_of(page, transparent: bool = True) -> np.ndarray:
    """The page as OBS composes it: (H, W, 4)."""
    shot = await page.screenshot(omit_background=transparent)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGBA"))


async def fox_on(page) -> np.ndarray:
    async def fox() -> list[np.ndarray]:
        picture = await picture_of(page)
        return [picture] if shows_the_fox(picture) else []

    (picture,) = await until(fox)
    return picture


async def test_the_view_page():
    async with (
        serve(AvatarPipeline, limits=Limits(picture=support.PICTURE)) as served,
        Browser(served) as browser,
        async_playwright() as playwright,
    ):
        await served.http.post(browser.location + "/avatar", content=fox())
        chromium = await playwright.chromium.launch(executable_path=support.CHROMIUM, args=list(support.FLAGS))
        page = await chromium.new_page(viewport={"width": 300, "height": 200})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))

        await page.goto(f"{served.base}/view?bg=transparent&ui=0")
        picture = await fox_on(page)
        assert picture[0, 0, 3] == picture[0, -1, 3] == picture[-1, 0, 3] == picture[-1, -1, 3] == 0
        assert picture[110, 150].tolist()[3] == 255, "the head is solid"
        assert not await page.locator("#status").is_visible()

        async def drawn() -> int:
            return int(await page.get_attribute("#avatar", "data-pictures"))

        count = await drawn()

        async def four_more() -> bool:
            return await drawn() >= count + 4

        await until(four_more)

        await page.goto(f"{served.base}/view?bg=00ff00&ui=0&session={browser.session}&mirror=1")
        picture = await fox_on(page)
        assert picture[0, 0].tolist() == picture[-1, -1].tolist() == [0, 255, 0, 255]

        await page.goto(f"{served.base}/")
        await page.click("#panel-tabs label:has-text('Outputs')")
        red = {"name": "room.png", "mimeType": "image/png", "buffer": RED}
        await page.set_input_files(".obs input[type=file]", red)
        await page.locator(".obs [data-background=image][aria-pressed=true]").wait_for()
        await page.goto(f"{served.base}/view?bg=image&ui=0")
        corner = (await fox_on(page))[0, 0]
        assert corner[0] > 230 and corner[1] < 30 and corner[3] == 255, "the picture that this browser keeps"

        await page.goto(f"{served.base}/view?session=nope")
        await page.locator("#status", has_text="ended").wait_for(timeout=120_000)
        await page.goto(f"{served.base}/view")
        await fox_on(page)
        assert (await served.http.delete(browser.location)).status_code == 204
        await page.locator("#status", has_text="No session yet").wait_for(timeout=120_000)
        assert (await picture_of(page))[:60, :, 3].max() == 0, "the last picture does not stay"
        assert faults == []
        await chromium.close()
