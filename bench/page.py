"""How fast the page is in Chromium on the machine that serves it: python bench/page.py [--minutes 1]

Debian's Chromium plays the sample as its camera. One row a minute, or a shorter last one, so that a drift is seen. fps:
avatar pictures that Chromium presented. delay: what the page says, from a ping, which stands for the moment in which a
face moves, until an avatar made from a later camera picture is handed to the server's encoder; the way back (5 to
10 ms) is not in it. cores: of one core, of the server with its engine, and of Chromium with its compositor, without a
GPU. memory: resident, of the server with its processes, as Linux shares it out (PSS).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import av
import cv2
from live import SAMPLE, cpu_seconds, server
from playwright.async_api import Page, async_playwright
from soak_parts import family, usage

WARM_UP = 5.0
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip

#: Counts the pictures that are presented, and notes the delays that the page is told.
COUNT = """
window.delays = [];
const make = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...args) {
  const channel = make.apply(this, args);
  channel.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "pong") window.delays.push(performance.now() - message.t);
  });
  return channel;
};
document.addEventListener("DOMContentLoaded", () => {
  const video = document.querySelector("#avatar");
  window.presented = 0;
  const count = (_, { presentedFrames }) => {
    window.presented = presentedFrames;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
});
"""


def camera_file(folder: Path) -> Path:
    """The sample as Motion JPEG, which Chromium's fake camera plays in a loop at 30 frames a second."""
    path = folder / "camera.mjpeg"
    with av.open(str(SAMPLE)) as source, path.open("wb") as target:
        for frame in source.decode(video=0):
            jpeg = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
            target.write(jpeg.tobytes())
    return path


def chromium_pid(profile: str) -> int:
    """The browser's first process, told by its profile's folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            command = path.read_bytes()
            if profile.encode() in command and b"--type=" not in command:
                return int(path.parent.name)
    raise SystemExit("no Chromium")


async def measure(arguments: argparse.Namespace) -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as folder:
        camera = camera_file(Path(folder))
        async with server(None) as (url, pid), async_playwright() as playwright:
            assert pid is not None, "the server is ours"
            chromium = await playwright.chromium.launch_persistent_context(
                f"{folder}/profile", executable_path="/usr/bin/chromium", viewport={"width": 1280, "height": 800},
                args=[*FLAGS, f"--use-file-for-fake-video-capture={camera}"], permissions=["camera"], bypass_csp=True,
            )  # fmt: skip
            page = chromium.pages[0]
            await page.add_init_script(COUNT)
            await page.goto(url)
            await page.click("#start")
            await page.wait_for_selector('body[data-state="live"]', timeout=60_000)
            await page.wait_for_selector("[data-reading=face].seen", timeout=60_000)
            await asyncio.sleep(WARM_UP)
            print("| minute |  fps | delay ms | p95 | server | Chromium |  MB |")
            print("|-------:|-----:|---------:|----:|-------:|---------:|----:|")
            left, minute = 60 * arguments.minutes, 0
            while left > 0:
                minute += 1
                await row(page, minute, min(60.0, left), pid, chromium_pid(f"{folder}/profile"))
                left -= 60
            await chromium.close()


async def row(page: Page, minute: int, seconds: float, server_pid: int, browser_pid: int) -> None:
    """Measure for so long and print one row."""
    before = await page.evaluate("window.delays.length = 0, window.presented")
    began, used = time.monotonic(), (cpu_seconds(server_pid), cpu_seconds(browser_pid))
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    cores = [(cpu_seconds(pid) - was) / took for pid, was in zip((server_pid, browser_pid), used, strict=True)]
    presented, delays = await page.evaluate("[window.presented, window.delays]")
    fps, p95 = (presented - before) / took, statistics.quantiles(delays, n=20)[-1]
    figures = f"{fps:4.1f} | {statistics.median(delays):8.0f} | {p95:3.0f} | {cores[0]:6.2f} | {cores[1]:8.2f}"
    print(f"| {minute:6} | {figures} | {usage(*family(server_pid)).megabytes:3.0f} |", flush=True)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
