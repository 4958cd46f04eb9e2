"""The page's Avatar tab in a real Chromium: a file is chosen or dropped, the fox appears, the own head comes back."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import browser_support as support
import pytest
from avatar_pipeline import AvatarPipeline
from avatar_support import changed, fox
from live_helpers import serve
from playwright.async_api import async_playwright, expect
from waiting import until

from face3d_live.live.limits import Limits

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

DROP = """([name, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
  const at = document.querySelector("#view");
  for (const kind of ["dragover", "drop"]) {
    at.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }
}"""


async def orange(page) -> float:
    """Share of the avatar video that is fur."""
    grabbed = await page.evaluate(support.GRAB, support.AVATAR)
    if grabbed is None:
        return 0.0
    r, g, b = support.pixels(grabbed).reshape(-1, 3).T
    return float(((r > 160) & (r - g > 60) & (g > b)).mean())


async def until_orange(page, wanted: bool) -> None:
    async def as_wanted() -> bool:
        return (await orange(page) > 0.1) == wanted

    await until(as_wanted)


async def test_the_avatar_tab(tmp_path: Path) -> None:
    (tmp_path / "fox.glb").write_bytes(fox())
    async with (
        serve(AvatarPipeline, limits=Limits(picture=support.PICTURE)) as served,
        async_playwright() as playwright,
    ):
        flags = [*support.FLAGS, "--use-fake-ui-for-media-stream"]
        chromium = await playwright.chromium.launch(executable_path=support.CHROMIUM, args=flags)
        page = await chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.add_init_script(support.FEW_PICTURES)
        await page.goto(served.base)
        await page.click("#start")
        await page.wait_for_selector("body[data-state=live]", timeout=120_000)
        await page.click("#panel-tabs label:has(input[value=avatar-file])")

        notice, own = page.locator("#notice-text"), page.get_by_role("button", name="Own head")
        await page.evaluate(DROP, ["notes.txt", ""])
        await expect(notice).to_contain_text(".glb or .vrm")
        await page.evaluate(DROP, ["none.glb", encoded(changed(lambda d: d["meshes"][0].pop("extras")))])
        await expect(notice).to_contain_text("shape key", timeout=120_000)
        await expect(own).to_have_attribute("aria-pressed", "true")

        await page.set_input_files("#avatar-file input[type=file]", tmp_path / "fox.glb")
        await expect(page.locator(".avatar-report")).to_contain_text(re.compile(r"Shapes 4\d / 52"), timeout=120_000)
        await until_orange(page, True)
        await own.click()
        await until_orange(page, False)
        await expect(page.locator(".avatar-report")).to_be_empty()

        await page.evaluate(DROP, ["fox.vrm", encoded(fox("vrm0"))])
        await expect(page.locator(".avatar-report")).to_contain_text("VRM expressions", timeout=120_000)
        await until_orange(page, True)
        await expect(page.get_by_role("button", name="fox.vrm", exact=True)).to_be_visible(timeout=120_000)
        await page.get_by_role("button", name="Cartoon fox").click()
        await expect(page.locator(".avatar-report")).to_contain_text(re.compile(r"Shapes 4\d / 52"), timeout=120_000)
        await page.reload()
        await expect(page.get_by_role("button", name="Cartoon fox")).to_have_attribute("aria-pressed", "true")
        await page.click("#start")
        await until_orange(page, True)
        await page.get_by_role("button", name="Remove fox.vrm").click()
        await expect(page.get_by_role("button", name="fox.vrm", exact=True)).to_have_count(0, timeout=120_000)
        assert faults == []
        await chromium.close()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
