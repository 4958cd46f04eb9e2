"""Requests that need a process: bounded for all and for each, without a place for who sends slowly or has gone."""

import asyncio
import contextlib
import os
import signal

import live_fakes
import pytest
from avatar_pipeline import AvatarPipeline
from avatar_support import fox
from live_helpers import Browser, Camera, serve
from process_state import is_alive, parent_of
from waiting import take, until

from face3d_live.errors import AssetError, LimitError, TooLargeError
from face3d_live.live.limits import Limits
from face3d_live.live.worker import process as worker_process
from face3d_live.live.worker.process import Worker

PNG = b"\x89PNG"


def slow(report, *arguments):
    """A task that says when it begins."""
    report("begun", 0.0)
    take(600)
    return b""


def moody(report, photo):
    return slow(report) if photo == b"slow" else quick(report)


def quick(report, *arguments):
    return b"done"


def greedy(report, *arguments):
    """More memory than there may be."""
    return bytes(1 << 30)[:1]


@contextlib.asynccontextmanager
async def worker(**options):
    made = Worker(**options)
    try:
        yield made
    finally:
        await made.stop()


async def begun(made, task=slow, *arguments):
    """A task of the worker that runs."""
    running = asyncio.Event()
    work = asyncio.ensure_future(made.run(task, *arguments, report=lambda *_: running.set()))
    await running.wait()
    return work


async def half_a_request(served, path, announced=1000):
    """A client that announces a body and sends a tenth of it."""
    host, port = served.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    form = "multipart/form-data; boundary=abc"
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {form}\r\nContent-Length: {announced}\r\n\r\n"
    writer.write(head.encode() + bytes(announced // 10))
    await writer.drain()
    return reader, writer


async def test_uploads_that_stall_stop_nobody():
    async with serve(AvatarPipeline) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        where = browser.location + "/avatar"
        stalled = [await half_a_request(served, path) for path in [where, "/api/faces", "/api/reconstruct"] * 6]
        response = await served.http.post(where, content=fox())
        assert response.status_code == 200, response.text
        response = await served.http.post("/api/reconstruct", files={"photo": ("a.png", PNG)})
        assert response.status_code == 202, response.text
        for _, writer in stalled:
            writer.close()


async def test_bytes_of_uploads_are_bounded_all_together():
    limits = Limits(upload_bytes=300_000)
    async with serve(limits=limits) as served:
        stalled = [await half_a_request(served, "/api/faces", 1_000_000) for _ in range(2)]
        await until(lambda: served.app.state.slots.bytes >= 200_000)
        photo = {"photo": ("a.png", PNG + bytes(200_000))}
        response = await served.http.post("/api/reconstruct", files=photo)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "too-many-uploads")
        for _, writer in stalled:
            writer.close()
        await until(lambda: not served.app.state.slots.bytes)
        assert (await served.http.post("/api/reconstruct", files=photo)).status_code == 202


async def test_snapshots_whose_client_has_gone_are_not_made(monkeypatch, tmp_path):
    monkeypatch.setattr(worker_process, "ABANDONED_SECONDS", 0.1)
    async with serve(limits=Limits(requests_per_address=3)) as served, Browser(served, Camera(0.5)) as browser:
        await browser.until(lambda: served.live.sessions.get(browser.session).portrait is not None)
        holding = await begun(served.live.worker)
        where = browser.location + "/snapshot"
        host, port = served.base.removeprefix("http://").split(":")
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"POST {where} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            await until(lambda: not served.app.state.slots.taken)
        posts = [asyncio.ensure_future(served.http.post(where)) for _ in range(5)]
        await until(lambda: sum(post.done() for post in posts) >= 2)
        refused = [post.result() for post in posts if post.done()]
        assert [(a.status_code, a.json()["error"]["code"]) for a in refused] == [(503, "too-many-requests")] * 2
        holding.cancel()
        answers = await asyncio.gather(*posts)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503, 503]


async def test_a_deleted_job_is_worked_on_no_longer(monkeypatch):
    monkeypatch.setattr(worker_process, "ABANDONED_SECONDS", 0.1)
    monkeypatch.setattr(live_fakes, "fake_reconstruct", moody)
    async with serve() as served:
        jobs = served.live.jobs
        job = jobs.add(b"slow")
        await until(lambda: job.stage == "begun")
        jobs.delete(job)
        after = jobs.add(b"quick")
        await until(lambda: after.over)
        assert after.state == "done" and job.state == "failed"


async def test_only_so_many_tasks_wait():
    async with worker(max_waiting=2) as made:
        running = await begun(made)
        waiting = [asyncio.ensure_future(made.run(quick)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(LimitError, match="worker-busy"):
            await made.run(quick)
        waiting.pop().cancel()
        await until(lambda: made.waiting == 1)
        running.cancel()
        assert await waiting[0] == b"done"


async def test_memory_is_bounded_and_what_needs_too_much_fails_alone():
    async with worker(memory_bytes=512 << 20) as made:
        assert await made.run(quick) == b"done"
        with pytest.raises(TooLargeError, match="too-much-memory"):
            await made.run(greedy)
        assert await made.run(quick) == b"done"


async def test_a_worker_is_ended_also_when_nobody_knows_whether_it_lives():
    """During its task what it was forked from is killed, which alone learns of its end."""

    def kill_parent(stage, fraction):
        os.kill(parent_of(made.pid), signal.SIGKILL)

    async with worker(task_seconds=60) as made:
        await made.run(quick)
        former, made.task_seconds = made.pid, 1.5
        with pytest.raises(AssetError, match="too-slow"):
            await made.run(slow, report=kill_parent)
        await until(lambda: not is_alive(former))
        made.task_seconds = 60
        assert await made.run(quick) == b"done"


async def test_a_worker_that_reads_nothing_is_ended_in_time_too():
    """Stopped from outside while the task is sent: the pipe is full, and nobody may wait for it for ever."""
    async with worker(task_seconds=60) as made:
        await made.run(quick)
        made.task_seconds = 0.5
        os.kill(made.pid, signal.SIGSTOP)
        with pytest.raises(AssetError, match="too-slow"):
            await made.run(quick, bytes(20_000_000))
        made.task_seconds = 60
        assert await made.run(quick) == b"done"
        os.kill(made.pid, signal.SIGSTOP)
        waiting = asyncio.ensure_future(made.run(quick, bytes(20_000_000)))
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await made.stop()
        with pytest.raises(AssetError, match="stopping"):
            await waiting
