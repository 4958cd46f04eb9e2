"""Shared by tests: what `test_recording` and others use."""

from __future__ import annotations

import functools
import time

from live_fakes import grey
from waiting import until


def is_past(session, frame):
    return session.state()["frame"] != frame


async def play(served, session, count, start=0.0):
    """Feed pictures whose brightness is their number, each once the one before is done."""
    for i in range(count):
        before = session.state()["frame"]
        session.submit(grey(0.1 + i / 100), start + i / 30, time.monotonic())
        await until(functools.partial(is_past, session, before))


def code_of(response):
    return response.status_code, response.json()["error"]["code"]
