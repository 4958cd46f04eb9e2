"""Connections with bounds, tasks that are started again, and a health that tells the truth."""

import asyncio
import logging

import live_fakes
import pytest
from live_helpers import Browser, serve

from face3d_live.errors import InputError
from face3d_live.live import supervisor as supervisor_module
from face3d_live.live.http import connections as connections_module
from face3d_live.live.http.connections import Connections
from face3d_live.live.limits import NAMES, Limits, parse_limits
from face3d_live.live.log_limiter import BURST, WINDOW_SECONDS, LogLimiter
from face3d_live.live.supervisor import TaskSupervisor

PNG = b"\x89PNG"


async def connect(served, data=b""):
    host, port = served.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    return reader, writer


async def ended(reader):
    """Everything until the server closes."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-", b"\r\n", b"\x16\x03\x01\x02\x00\x01\x00"]
)
async def test_who_sends_no_request_is_let_go(begun):
    async with serve(ready=False, limits=Limits(header_seconds=0.3)) as served:
        reader, writer = await connect(served, begun)
        answer = await ended(reader)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()
        assert (await served.http.get("/healthz")).status_code == 200


async def test_headers_that_drip_in_are_no_request():
    async with serve(ready=False, limits=Limits(header_seconds=0.5)) as served:
        reader, writer = await connect(served, b"GET / HTTP/1.1\r\n")

        async def drip():
            while True:
                writer.write(b"X")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await ended(reader) == b""
        dripping.cancel()
        writer.close()


async def test_a_body_that_nobody_reads_has_its_time_too():
    """The answer is there before the body: an unknown address."""
    async with serve(ready=False, limits=Limits(header_seconds=0.5, idle_seconds=1)) as served:
        host = served.base.removeprefix("http://")
        head = f"POST /api/nothing HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n"
        reader, writer = await connect(served, head.encode())
        assert b"404" in await reader.readuntil(b"\r\n")

        async def drip():
            while True:
                writer.write(b"X")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await ended(reader)
        dripping.cancel()
        writer.close()


async def test_a_small_body_has_its_time():
    async with serve(ready=False, limits=Limits(body_seconds=0.3)) as served:
        host = served.base.removeprefix("http://")
        for path, kind in (("/api/sessions", "application/sdp"), ("/api/outputs", "application/json")):
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: 9\r\n\r\n{{"
            reader, writer = await connect(served, head.encode())
            async with asyncio.timeout(20):
                assert b"400" in await reader.readuntil(b"\r\n")
                assert b"slow-body" in await reader.readuntil(b"slow-body")
            writer.close()


async def test_an_answer_that_nobody_reads_is_given_up():
    async with serve(ready=False, sndbuf=8192, limits=Limits(write_seconds=0.3)) as served:
        job = served.live.jobs.add_result(bytes(30_000_000))
        host = served.base.removeprefix("http://")
        _, writer = await connect(served, f"GET /api/jobs/{job.id}/result HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        bounds = served.app.state.connections
        async with asyncio.timeout(20):
            while not bounds.timed_out or len(bounds):
                await asyncio.sleep(0.02)
        writer.close()


@pytest.mark.parametrize("limits", [Limits(connections=20), Limits(connections_per_address=20)])
async def test_a_crowd_is_kept_out_and_the_door_opens_again(limits):
    async with serve(ready=False, limits=limits) as served:
        crowd = [await connect(served) for _ in range(20)]
        for _ in range(3):
            reader, writer = await connect(served, b"GET /healthz HTTP/1.1\r\n\r\n")
            answer = await ended(reader)
            assert answer.startswith(b"HTTP/1.1 503") and b'"too-many-connections"' in answer
            writer.close()
        bounds = served.app.state.connections
        assert len(bounds) == 20 and bounds.refused == 3
        for _, writer in crowd:
            writer.close()
        async with asyncio.timeout(20):
            while len(bounds):
                await asyncio.sleep(0.02)
        assert (await served.http.get("/healthz")).status_code == 200
        text = (await served.http.get("/metrics")).text
        assert "face3d_connections_refused 3.0" in text and "face3d_connections 1.0" in text


async def test_few_descriptors_mean_few_connections(monkeypatch):
    bounds = Connections(Limits(connections=500))
    for descriptors, most in ((65_536, 500), (300, 140), (100, 16)):
        monkeypatch.setattr(connections_module.resource, "getrlimit", lambda _, n=descriptors: (n, n))
        assert bounds.most == most


async def test_keep_alive_and_websockets_live_as_long_as_they_like():
    import websockets

    async with serve(limits=Limits(header_seconds=0.2, idle_seconds=5)) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        async with websockets.connect(served.ws + "/api/expressions") as stream:
            for _ in range(3):
                await asyncio.sleep(0.3)
                assert (await served.http.get("/healthz")).status_code == 200
            async with asyncio.timeout(20):
                for _ in range(3):
                    await stream.recv()
        assert served.app.state.connections.timed_out == 0


# --- what the server lives on -----------------------------------------------------------------------------------------


async def test_a_task_that_fails_or_ends_is_started_again(monkeypatch):
    monkeypatch.setattr(supervisor_module, "BACKOFF", (0.0,))
    supervisor, runs = TaskSupervisor(), []

    async def work():
        runs.append(1)
        if len(runs) == 1:
            raise OSError(24, "Too many open files")
        if len(runs) == 3:
            await asyncio.Event().wait()

    supervisor.keep("work", work)
    while len(runs) < 3:
        await asyncio.sleep(0)
    assert supervisor.restarts["work"] == 2 and supervisor.missing == []
    await supervisor.stop()


async def test_photos_go_on_after_a_failure_that_nobody_thought_of(monkeypatch):
    async with serve(ready=False) as served:
        run, failures = served.live.worker.run, [OSError(24, "Too many open files"), RuntimeError("a bug")]

        async def failing(*arguments, **options):
            if failures:
                raise failures.pop()
            return await run(*arguments, **options)

        monkeypatch.setattr(served.live.worker, "run", failing)
        states = []
        for _ in range(3):
            response = await served.http.post("/api/reconstruct", files={"photo": ("a.png", PNG)})
            job = served.live.jobs.get(response.json()["job"])
            async with asyncio.timeout(60):
                while not job.over:
                    await asyncio.sleep(0.02)
            states.append((job.state, (job.error or {}).get("code")))
        assert states == [("failed", "task-failed"), ("failed", "task-failed"), ("done", None)]


async def test_health_tells_what_is_gone(monkeypatch):
    monkeypatch.setattr(supervisor_module, "BACKOFF", (0.3,))
    async with serve() as served:
        for path in ("/healthz", "/readyz"):
            assert (await served.http.get(path)).json()["status"] == "ok"
        run, died = served.live.jobs._added.wait, []

        async def dying():
            if not died:
                died.append(1)
                raise MemoryError
            return await run()

        monkeypatch.setattr(served.live.jobs._added, "wait", dying)
        served.live.jobs._added.set()  # wakes the task, which then waits again
        async with asyncio.timeout(20):
            while (await served.http.get("/healthz")).status_code != 503:
                await asyncio.sleep(0.01)
            while (await served.http.get("/healthz")).status_code != 200:
                await asyncio.sleep(0.05)
        assert 'face3d_task_restarts{task="jobs"} 1.0' in (await served.http.get("/metrics")).text
        served.live.engine._seen -= 100  # the supervising thread has not been seen for long
        monkeypatch.setattr(type(served.live.engine), "supervised", property(lambda _: False))
        response = await served.http.get("/healthz")
        assert response.status_code == 503 and response.json()["error"]["code"] == "part-missing"
        assert "engine supervisor" in response.json()["error"]["message"]
        assert (await served.http.get("/readyz")).status_code == 503


async def test_ready_means_that_there_is_a_place():
    async with serve(limits=Limits(sessions=1)) as served, Browser(served):
        response = await served.http.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "full")
        assert (await served.http.get("/healthz")).status_code == 200


async def test_not_ready_while_it_loads():
    async with serve(live_fakes.pipeline_that_crashes, ready=False) as served:
        assert (await served.http.get("/readyz")).status_code == 503


def test_lines_of_one_kind_are_written_so_often():
    now = [0.0]
    limiter = LogLimiter(lambda: now[0])

    def line(text, *values, name="a", error=None):
        info = (type(error), error, None) if error else None
        record = logging.LogRecord(name, logging.ERROR, "", 0, text, values, info)
        return record if limiter.filter(record) else None

    written = [line("socket.accept() out of system resource: %d", i) for i in range(500)]
    assert sum(record is not None for record in written) == BURST
    assert line("something else") and line("socket.accept() out of system resource: %d", 1, name="b")
    assert line("socket.accept() out of system resource: %d", 1, error=OSError())
    now[0] += WINDOW_SECONDS
    assert (
        line("socket.accept() out of system resource: %d", 7)
        .getMessage()
        .endswith(f"[{490} lines like this one were left out]")
    )
    assert line("something else").getMessage() == "something else"
    assert all(line(f"kind {i}") for i in range(5000))


def test_limits_are_set_by_name():
    limits = parse_limits(["sessions=3", "free_bytes=1e9"])
    assert (limits.sessions, limits.free_bytes, limits.connections) == (3, 1e9, Limits().connections)
    for wrong in (
        "sessions",
        "sessions=",
        "sessions=0",
        "sessions=-1",
        "sessions=nan",
        "sessions=1e999",
        "sesions=3",
        "",
    ):
        with pytest.raises(InputError, match="bad-limit"):
            parse_limits([wrong])
    assert all(NAMES)
