"""An engine with a listener that keeps what it hears."""

import asyncio
import contextlib
from pathlib import Path

import live_fakes

from face3d_live.live.engine.client import EngineClient

SHM = Path("/dev/shm")


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self):
        self.results, self.calibrations, self.restarts = [], [], 0
        self.measures, self.refused = [], []
        self.news = asyncio.Event()

    def on_result(self, result, of):
        self.results.append((result, of))
        self.news.set()

    def on_calibrated(self, calibration):
        self.calibrations.append(calibration)
        self.news.set()

    def on_engine_restarted(self):
        self.restarts += 1
        self.news.set()

    def on_quarantined(self, measure):
        self.measures.append(measure)
        self.news.set()

    def on_avatar(self, code, message):
        self.refused.append(code)
        self.news.set()

    async def until(self, condition, timeout=20.0):
        async with asyncio.timeout(timeout):
            while not condition():
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def engine(factory=live_fakes.FakePipeline, **options):
    before = set(SHM.iterdir())
    client = EngineClient(factory, **options)
    client.start()
    try:
        await client.wait_ready()
        yield client
    finally:
        async with asyncio.timeout(15):
            await client.stop()
        assert client.state == "stopped"
        assert client.pid is None
        assert set(SHM.iterdir()) - before == set()
