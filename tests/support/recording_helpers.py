"""Shared by tests: what `test_recording` and others use."""

from __future__ import annotations

import asyncio
import time

from live_fakes import grey


async def play(served, session, count, start=0.0):
    """Feed pictures whose brightness is their number, each once the one before is done."""
    for i in range(count):
        before = session.state()["frame"]
        session.submit(grey(0.1 + i / 100), start + i / 30, time.monotonic())
        async with asyncio.timeout(10):
            while session.state()["frame"] == before:
                await asyncio.sleep(0.002)


def code_of(response):
    return response.status_code, response.json()["error"]["code"]
