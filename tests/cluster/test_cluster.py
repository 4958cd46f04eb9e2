"""Sessions on a Ray cluster of two nodes in this machine: spread, full, a dead worker, a drained one, a new gateway."""

import asyncio
import contextlib
import json
import os
import re
import signal

import pytest
import ray
from cluster_support import NODE, served
from live_helpers import Browser, Camera
from process_state import is_alive
from waiting import until
from websockets.asyncio.client import connect

from face3d_live.cli.app import app
from face3d_live.cluster.gateway.directory import RayDirectory
from face3d_live.cluster.names import CONTROLLER, NAMESPACE, worker_of
from face3d_live.cluster.options import Size, engine_settings

pytestmark = pytest.mark.cluster

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def cluster(simulated):
    simulated.start()
    yield simulated
    simulated.stop()


@contextlib.asynccontextmanager
async def browsing(gateway, *levels):
    """Browsers whose sessions are over afterwards, also for their workers."""
    async with contextlib.AsyncExitStack() as stack:
        browsers = []
        for level in levels:
            browser = Browser(gateway, Camera(level))
            await stack.enter_async_context(browser)
            stack.push_async_callback(gateway.http.delete, browser.location)
            browsers.append(browser)
        yield browsers


class Again(Browser):
    """A browser that goes on with another one's session."""

    def __init__(self, before):
        super().__init__(before.served, Camera(before.camera.level))
        self.path = f"/api/sessions?resume={before.session}"


async def test_sessions_spread_and_a_full_cluster_refuses(cluster):
    cluster.ready()
    async with cluster.gateway() as gateway, browsing(gateway, 0.3, 0.5, 0.6, 0.7) as browsers:
        for browser in browsers:
            await browser.until_brightness(browser.camera.level)
        workers = [worker_of(browser.session) for browser in browsers]
        assert sorted(map(workers.count, set(workers))) == [2, 2]
        offer = browsers[0].pc.localDescription.sdp
        response = await gateway.http.post("/api/sessions", content=offer, headers=SDP)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "too-many-sessions")
        assert response.headers["Retry-After"] == "5"
        listed = (await gateway.http.get("/api/sessions")).json()["sessions"]
        assert {one["session"] for one in listed} == {browser.session for browser in browsers}
        assert (await gateway.http.get("/readyz")).json() == {"status": "full"}


async def test_streams_files_and_outputs_of_a_session_pass_through_any_gateway(cluster):
    cluster.ready()
    async with cluster.gateway() as first, cluster.gateway() as second, browsing(first, 0.3, 0.7) as (one, two):
        await asyncio.gather(one.until_brightness(0.3), two.until_brightness(0.7))
        assert worker_of(one.session) != worker_of(two.session)
        async with connect(f"{second.ws}{two.location}/expressions?names=jawOpen") as stream:
            assert json.loads(await stream.recv())["hello"]["names"] == ["jawOpen"]
            assert json.loads(await stream.recv())["session"] == two.session
        async with connect(f"{second.ws}/api/expressions?names=jawOpen") as stream:
            assert "hello" in json.loads(await stream.recv())
            seen = set()
            while len(seen) < 2:
                seen.add(json.loads(await stream.recv())["session"])
            assert seen == {one.session, two.session}
        async with connect(f"{second.ws}/api/expressions?rate=no") as stream:
            with contextlib.suppress(Exception):
                await stream.recv()
            await stream.wait_closed()
            assert stream.close_code == 4400 and stream.close_reason.startswith("bad-rate")
        async with connect(f"{second.ws}/api/view") as view:
            while (shown := json.loads(await view.recv()))["session"] is None:
                pass
            assert shown["session"] == two.session
        snapshot = await second.http.post(f"{one.location}/snapshot?keep=true")
        assert snapshot.content[:2] == b"PK"
        assert (await first.http.get(snapshot.headers["Location"] + "/result")).content == snapshot.content
        url = f"vmc://127.0.0.1:39539?session={one.session}"
        made = await second.http.post("/api/outputs", json={"url": url})
        assert made.status_code == 201, made.text
        assert [output["url"] for output in (await first.http.get("/api/outputs")).json()["outputs"]] == [url]
        assert (await first.http.delete(made.headers["Location"])).status_code == 204
        started = await second.http.post(f"{one.location}/recording", json={"action": "start", "name": "a"})
        await until(lambda: one.avatars > 30)
        await second.http.post(f"{one.location}/recording", json={"action": "stop"})
        take = started.headers["Location"]
        assert len((await first.http.get(take)).content) > 100
        assert (await first.http.delete(take)).status_code == 204
        form = {"photo": ("a.png", b"\x89PNG photo")}
        queued = await first.http.post("/api/reconstruct", files=form)
        job = queued.headers["Location"]
        async with connect(second.ws + job) as progress:
            async for message in progress:
                state = json.loads(message)
        assert state["state"] == "done" and (await second.http.get(f"{job}/result")).content[:2] == b"PK"
        assert (await first.http.delete(job)).status_code == 204
        saved = await second.http.put("/api/mappings/mine", json={"version": 1, "channels": {}})
        assert saved.status_code == 200 and "mine" in (await first.http.get("/api/mappings")).json()["saved"]
        assert (await first.http.delete("/api/mappings/mine")).status_code == 204
        text = (await second.http.get("/metrics")).text
        for browser in (one, two):
            assert f'face3d_frames_total{{worker="{worker_of(browser.session)}"}}' in text
        assert text.count("# TYPE face3d_frames_total counter") == 1


async def test_a_worker_that_is_killed_is_replaced_and_its_session_goes_on_with_its_state(cluster):
    cluster.ready()
    async with cluster.gateway() as gateway, browsing(gateway, 0.6) as (browser,):
        await browser.until_brightness(0.6)
        began = await until(lambda: state_version(cluster, browser.session))
        assert (await gateway.http.post(f"{browser.location}/calibrate")).json()["ok"]
        calibrated = await until(lambda: newer_state(cluster, browser.session, began))
        url = f"vmc://127.0.0.1:39539?session={browser.session}"
        assert (await gateway.http.post("/api/outputs", json={"url": url})).status_code == 201
        await until(lambda: newer_state(cluster, browser.session, calibrated))
        name = worker_of(browser.session)
        where = cluster.where(name)
        os.kill(where["pid"], signal.SIGKILL)
        await until(lambda: not is_alive(where["server_pid"]))  # its server, and with that the engine, ended with it
        response = await gateway.http.get(browser.location)
        assert response.status_code in (404, 503)
        async with Again(browser) as again:
            assert worker_of(again.session) != name
            await again.until(lambda: again.jaw < 0.05)
            (moved,) = (await gateway.http.get("/api/outputs")).json()["outputs"]
            assert moved["url"] == url.replace(browser.session, again.session)
            await gateway.http.delete(again.location)
        cluster.ready()


async def test_a_worker_that_hangs_is_replaced(cluster):
    table = cluster.ready()
    name = min(table)
    where = cluster.where(name)
    os.kill(where["server_pid"], signal.SIGSTOP)
    try:
        await until(lambda: not cluster.table()[name].ready, 20)
        await until(lambda: not is_alive(where["pid"]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(where["server_pid"], signal.SIGCONT)
    assert cluster.ready()[name].url != table[name].url


async def test_a_drained_worker_sends_its_sessions_away_and_another_takes_its_place(cluster):
    before = cluster.ready()
    async with cluster.gateway() as gateway, browsing(gateway, 0.5) as (browser,):
        await browser.until_brightness(0.5)
        name = worker_of(browser.session)
        where = cluster.where(name)
        assert await cluster.controller.drain.remote(name, True)
        assert (await browser.message("notice"))["code"] == "session-moved"
        async with Again(browser) as again:
            assert worker_of(again.session) != name
            await gateway.http.delete(browser.location)
            await again.until_brightness(0.5)
            await until(lambda: not is_alive(where["server_pid"]))
            await again.until_brightness(0.5)
            await gateway.http.delete(again.location)
    after = cluster.ready()
    assert name not in after and len(after) == len(before)
    assert not await cluster.controller.drain.remote(name, True)


async def test_a_new_gateway_finds_the_sessions_of_the_old_one_and_media_go_on_meanwhile(cluster):
    cluster.ready()
    async with contextlib.AsyncExitStack() as stack:
        async with cluster.gateway() as gateway:
            browser = await stack.enter_async_context(Browser(gateway, Camera(0.5)))
            await browser.until_brightness(0.5)
        browser.camera.level = 0.7  # nobody is there but the worker
        await browser.until_brightness(0.7)
        async with cluster.gateway() as gateway:
            assert (await gateway.http.get(browser.location)).json()["session"] == browser.session
            assert (await gateway.http.delete(browser.location)).status_code == 204
            stale = await gateway.http.get(browser.location)
            assert (stale.status_code, stale.json()["error"]["code"]) == (404, "not-found")


async def test_a_new_controller_finds_the_workers(cluster):
    before = cluster.ready()
    async with cluster.gateway() as gateway, browsing(gateway, 0.6) as (browser,):
        await browser.until_brightness(0.6)
        await until(lambda: state_version(cluster, browser.session))
        ray.kill(cluster.controller, no_restart=False)
        assert (await gateway.http.get(browser.location)).status_code == 200
        await until(lambda: set(cluster.table()) == set(before) and state_version(cluster, browser.session))
    cluster.ready()


async def test_stale_and_strange_ids(cluster):
    cluster.ready()
    async with cluster.gateway() as gateway:
        for path in ("sessions/w000000-0123456789abcdef", "sessions/0123", "jobs/w000000-01", "takes/w000000-2026"):
            response = await gateway.http.get(f"/api/{path}")
            assert (response.status_code, response.json()["error"]["code"]) == (404, "not-found"), path
        form = {"photo": (None, "w000000-0123")}
        assert (await gateway.http.post("/api/reconstruct", files=form)).json()["error"]["code"] == "photo-gone"
        assert (await gateway.http.delete("/api/photos/w000000-0123")).status_code == 204
        for path in ("cluster/report", "cluster/drain"):
            assert (await gateway.http.get(f"/api/{path}")).status_code == 404
        async with connect(f"{gateway.ws}/api/sessions/w000000-01/expressions") as stream:
            await stream.wait_closed()
            assert stream.close_code == 4404
        load = next(iter(gateway.directory.workers.values()))
        assert (await gateway.http.get(f"{load.url}/api/sessions")).status_code == 401


def test_the_commands_tell_and_refuse(cluster, capsys):
    names = cluster.ready()
    assert not app(["cluster", "status", "--address", cluster.address], standalone_mode=False)
    table = capsys.readouterr().out
    assert all(re.search(rf"^{name}  ready +0/2 ", table, re.M) for name in names) and "0 sessions" in table
    assert app(["cluster", "drain", "w000000", "--address", cluster.address], standalone_mode=False) == 1
    assert "no-worker" in capsys.readouterr().err


async def test_a_gateway_whose_controller_is_away_goes_on_and_says_so(cluster):
    cluster.ready()
    name = ray.get_actor(CONTROLLER, NAMESPACE)
    assert name is not None
    directory = RayDirectory(Away(), await cluster.controller.secret.remote())
    async with served(directory) as gateway:
        health = await gateway.http.get("/healthz")
        assert (health.status_code, health.json()["error"]["code"]) == (503, "cluster-away")
        away = await gateway.http.get("/api/sessions/w000000-01")
        assert (away.status_code, away.json()["error"]["code"]) == (503, "cluster-away")
        assert (await gateway.http.get("/")).status_code == 200


async def test_a_third_node_brings_a_worker_and_takes_it_away(cluster):
    """Leaves a table with a worker that finds no node: the next test makes a new one."""
    before = cluster.ready()
    node = cluster.ray.add_node(**NODE)
    after = cluster.ready(3)
    (third,) = set(after) - set(before)
    async with cluster.gateway() as gateway, browsing(gateway, 0.3, 0.5, 0.7) as browsers:
        assert {worker_of(browser.session) for browser in browsers} == set(after)
        (leaving,) = [browser for browser in browsers if worker_of(browser.session) == third]
        await leaving.until_brightness(leaving.camera.level)
        cluster.ray.remove_node(node)
        await until(lambda: not cluster.table()[third].url)
        async with Again(leaving) as again:
            await again.until_brightness(leaving.camera.level)
            await gateway.http.delete(again.location)


async def test_a_true_engine_behind_a_gateway(simulated):
    """The only test here with a network and OpenGL."""
    simulated.stop()
    simulated.start(Size(1, 1), settings=engine_settings("cpu", "auto", "own"), media_ports="41000-41099")
    table = simulated.ready(1)
    async with simulated.gateway() as gateway, browsing(gateway, 0.5) as (browser,):
        await browser.message("frame", 60)
        state = (await gateway.http.get(browser.location)).json()
        assert (state["device"], worker_of(state["session"])) == ("cpu", next(iter(table)))
        ports = [int(line.split()[5]) for line in browser.answer.splitlines() if line.startswith("a=candidate:")]
        assert ports and all(41000 <= port <= 41099 for port in ports)
    simulated.stop()


class Away:
    """The handle of a controller that nobody answers for."""

    class table:
        @staticmethod
        async def remote():
            raise ray.exceptions.RayActorError


def state_version(cluster, session):
    """Of a session's state as the controller has it; 0 for none."""
    return ray.get(cluster.controller.version.remote(session), timeout=30)


def newer_state(cluster, session, before):
    """Its version when that is another one."""
    version = state_version(cluster, session)
    return version if version != before else 0
