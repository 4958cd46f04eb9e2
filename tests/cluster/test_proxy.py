"""What passes through a gateway, without Ray: addresses, refusals, tokens, bodies, workers that are away."""

import base64
import contextlib
import socket

import pytest
from cluster_support import served
from live_helpers import Browser, serve
from waiting import until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from face3d_live.cluster import placement
from face3d_live.cluster.placement import Load
from face3d_live.cluster.worker.server import ROUTES
from face3d_live.errors import LimitError
from face3d_live.live.access import Access

pytestmark = pytest.mark.server

SECRET = "s" * 32


class Known:
    """A directory of fixed workers."""

    secret, stale = SECRET, False

    def __init__(self, *loads):
        self.workers = {load.name: load for load in loads}
        self.suspected = []

    async def place(self, address, without, resume):
        chosen = placement.choose(self.workers.values(), without)
        if chosen is None:
            raise LimitError("too-many-sessions", "full")
        return chosen

    async def suspect(self, name):
        self.suspected.append(name)


@contextlib.asynccontextmanager
async def gateway(*more, token=None):
    """A gateway to one worker, w000001, and to others that are only said to be there."""
    access = Access(SECRET, loopback=False)
    async with serve(prefix="w000001-", more=ROUTES, access=access) as worker:
        directory = Known(Load("w000001", worker.base, ready=True, busy=0.2, sessions=2), *more)
        async with served(directory, token) as door:
            door.worker = worker
            yield door


def nowhere():
    """An address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def test_a_worker_learns_whose_request_it_is_and_nobody_can_pretend():
    async with gateway() as door:
        door.http.headers["X-Forwarded-For"] = "192.0.2.77"  # of a proxy on this machine, before the gateway
        async with Browser(door) as browser:
            assert door.worker.live.sessions.get(browser.session).address == "192.0.2.77"
            state = (await door.http.get(browser.location, headers={"X-Forwarded-For": "192.0.2.78"})).json()
            assert state["session"] == browser.session


async def test_refusals_of_a_worker_come_as_they_are():
    async with gateway() as door, Browser(door) as browser:
        wrong = await door.http.put(f"{browser.location}/snapshot")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "wrong-method")
        large = await door.http.put(f"{browser.location}/calibration", content=b"{}" * 400_000)
        assert large.status_code in (413, 415)
        offer = await door.http.post("/api/sessions", content=b"v=0", headers={"Content-Type": "application/sdp"})
        assert (offer.status_code, offer.json()["error"]["code"]) == (400, "bad-sdp")
        no_sdp = await door.http.post("/api/sessions", content=b"v=0", headers={"Content-Type": "text/plain"})
        assert no_sdp.status_code == 415
        unbound = await door.http.post("/api/outputs", json={"url": "vmc://127.0.0.1:39539"})
        assert (unbound.status_code, unbound.json()["error"]["code"]) == (400, "bad-output")
        for header in ("Content-Security-Policy", "X-Content-Type-Options"):
            assert len(wrong.headers.get_list(header)) == 1
        assert (await door.http.get("/view")).status_code == 200


async def test_bodies_of_any_size_pass_in_pieces():
    async with gateway() as door:
        photo = b"\x89PNG" + bytes(3_000_000)
        queued = await door.http.post("/api/reconstruct", files={"photo": ("a.png", photo)})
        assert queued.status_code == 202, queued.text
        job = door.worker.live.jobs.get(queued.json()["job"])
        await until(lambda: job.over)
        assert job.state == "done"
        result = await door.http.get(queued.headers["Location"] + "/result")
        assert result.content == job.result and "Content-Length" in result.headers


async def test_the_token_is_the_gateways():
    async with gateway(token="open sesame") as door:
        assert (await door.http.get("/api/sessions")).status_code == 401
        assert (await door.http.get("/")).status_code == 200
        door.http.headers["Authorization"] = "Bearer open sesame"
        async with Browser(door) as browser:
            assert (await door.http.get(browser.location)).status_code == 200
            assert (await door.http.get(browser.location, headers={"Origin": "https://elsewhere.example"})).is_success
            address = f"{door.ws}{browser.location}/expressions"
            with pytest.raises(InvalidStatus):
                await connect(address)
            code = base64.urlsafe_b64encode(b"open sesame").decode().rstrip("=")
            async with connect(
                address, subprotocols=[Subprotocol("face3d"), Subprotocol(f"face3d.token.{code}")]
            ) as stream:
                assert stream.subprotocol == "face3d" and "hello" in await stream.recv()


async def test_a_worker_that_is_away_is_told_of_and_another_one_tried():
    async with gateway(Load("w000002", nowhere(), ready=True)) as door:
        async with Browser(door) as browser:  # w000002 is less busy, and asked first
            assert browser.session.startswith("w000001-")
        away = await door.http.get("/api/sessions/w000002-01")
        assert (away.status_code, away.json()["error"]["code"]) == (503, "worker-away")
        assert set(door.directory.suspected) == {"w000002"}
        assert len((await door.http.get("/api/takes")).json()["takes"]) == 0  # of those that answer
        async with connect(f"{door.ws}/api/sessions/w000002-01/expressions") as stream:
            await stream.wait_closed()
            assert stream.close_code == 1011 and stream.close_reason.startswith("worker-away")


async def test_a_client_that_leaves_and_a_session_that_ends_close_the_other_side():
    async with gateway() as door, Browser(door) as browser:
        hub = door.worker.live.hub
        async with connect(f"{door.ws}{browser.location}/expressions") as stream:
            await stream.recv()
            assert hub.clients == 1
        await until(lambda: hub.clients == 0)
        async with connect(f"{door.ws}{browser.location}/expressions") as stream:
            assert (await door.http.delete(browser.location)).status_code == 204
            await stream.wait_closed()
            assert (stream.close_code, stream.close_reason) == (1000, "the session has ended")
        assert door.directory.suspected == []
