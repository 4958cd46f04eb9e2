"""What the controller asks of workers' servers, by HTTP and without Ray: reports, and states that go elsewhere."""

import aiohttp
import numpy as np
import pytest
from live_helpers import Browser, Camera, serve
from waiting import until

from face3d_live.avatar.load import read_avatar
from face3d_live.cluster.placement import Load
from face3d_live.cluster.report import load_from
from face3d_live.cluster.worker.client import WorkerClient
from face3d_live.cluster.worker.server import ROUTES
from face3d_live.live.access import Access
from face3d_live.live.engine.stored_avatar import StoredAvatar, pack, unpack
from face3d_live.paths import WEB_CLIENT

pytestmark = pytest.mark.server

SECRET = "s" * 32


def worker(name):
    return serve(prefix=f"{name}-", more=ROUTES, access=Access(SECRET, loopback=False))


class Known(Browser):
    """A browser whose requests go through a gateway: they have the secret."""

    async def __aenter__(self):
        self.served.http.headers["Authorization"] = f"Bearer {SECRET}"
        return await super().__aenter__()


@pytest.fixture
async def client():
    client = WorkerClient(SECRET)
    yield client
    await client.close()


def loaded(avatar):
    """What the engine gets of a stored avatar."""
    packed = avatar.packed()
    return unpack(packed[4 + int.from_bytes(packed[:4], "little") :])


async def test_calibration_and_avatar_go_from_one_worker_to_another(client):
    fox = StoredAvatar(pack(read_avatar(WEB_CLIENT / "avatars" / "cartoon.glb")))
    async with worker("w000001") as one, worker("w000002") as two, Known(one, Camera(0.5)) as browser:
        await browser.message("frame")
        (before,) = (await client.report(one.base))["sessions"]
        assert (await one.http.post(f"{browser.location}/calibrate")).json()["ok"]
        session = one.live.sessions.get(browser.session)
        session.show_avatar(fox)
        (after,) = (await client.report(one.base))["sessions"]
        assert after["state"] != before["state"] != 0
        state = await client.state(one.base, "w000001", after)
        assert (state.avatar, state.version) == (fox.key, after["state"])
        packed = await client.avatar(one.base, browser.session)
        await client.carry(two.base, browser.session, state.data, packed)
        again = Known(two, Camera(0.5))
        again.path = f"/api/sessions?resume={browser.session}"
        async with again:
            await again.until(lambda: again.jaw < 0.05)
            shown = two.live.sessions.get(again.session).shown_avatar
            assert shown.key == fox.key and shown.report == fox.report
            assert np.array_equal(loaded(shown).drive, loaded(fox).drive)


async def test_a_report_says_how_busy_a_worker_is_and_a_drained_one_sends_away(client):
    async with worker("w000001") as served, Known(served) as browser:
        await until(lambda: len(browser.of("frame")) > 20)
        load = load_from(await client.report(served.base), Load("w000001"), 0.0)
        assert load.ready and load.sessions == 1 and load.addresses == {"127.0.0.1": 1} and load.kept > 0.5
        assert load.busy > 0 and load.newest[1] == browser.session
        assert await client.drain(served.base, 0) == 1
        assert browser.of("notice") == []
        await client.drain(served.base, 5)
        await browser.until(lambda: [notice["code"] for notice in browser.of("notice")] == ["session-moved"])
        assert (await client.report(served.base))["draining"]


async def test_only_who_has_the_secret_is_heard(client):
    async with worker("w000001") as served:
        for path in ("report", "sessions/w000001-1/state", "sessions/w000001-1/avatar"):
            assert (await served.http.get(f"/api/cluster/{path}")).status_code == 401
        assert (await served.http.put("/api/cluster/states/x", content=b"no")).status_code == 401
        with pytest.raises(aiohttp.ClientResponseError, match="404"):
            await client.state(served.base, "w000001", {"id": "w000001-1", "state": 1})
        assert await client.avatar(served.base, "w000001-1") == b""
