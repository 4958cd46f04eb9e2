"""Sessions on a Ray cluster of two nodes in this machine: spread, full, a dead worker, a drained one, a new gateway."""

import asyncio
import os
import signal

import pytest
import ray
from live_helpers import Browser, Camera
from waiting import until

from face3d_live.cluster.names import worker_of

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(simulated):
    simulated.start()
    yield simulated
    simulated.stop()


async def test_sessions_spread_and_a_full_cluster_refuses(cluster):
    cluster.ready()
    async with cluster.gateway() as gateway:
        browsers = [Browser(gateway, Camera(level)) for level in (0.3, 0.5, 0.6, 0.7)]
        for browser in browsers:
            await browser.__aenter__()
        try:
            for browser in browsers:
                await browser.until_brightness(browser.camera.level)
            workers = [worker_of(browser.session) for browser in browsers]
            assert sorted(map(workers.count, set(workers))) == [2, 2]
            response = await gateway.http.post(
                "/api/sessions", content=browsers[0].pc.localDescription.sdp, headers={"Content-Type": "application/sdp"}
            )
            assert (response.status_code, response.json()["error"]["code"]) == (503, "too-many-sessions")
            assert response.headers["Retry-After"] == "5"
        finally:
            for browser in browsers:
                await gateway.http.delete(browser.location)
                await browser.__aexit__()
