"""Threads that wait for something slow, a look-up of a name or a disk, are not those that encode the avatars."""

import asyncio
import os
import threading

from live_helpers import Browser, serve


async def test_slow_look_ups_do_not_stop_the_pictures():
    release = threading.Event()
    async with serve() as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        loop = asyncio.get_running_loop()
        waiting = [loop.run_in_executor(None, release.wait, 60) for _ in range((os.cpu_count() or 1) + 4)]
        try:
            await asyncio.sleep(0.5)
            seen = browser.avatars
            await browser.until(lambda: browser.avatars > seen + 5)
            assert not any(future.done() for future in waiting)
        finally:
            release.set()
            await asyncio.gather(*waiting)
