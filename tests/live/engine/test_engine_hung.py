"""An engine that stands still, or is driven into it: nobody waits for it, and it does not happen twice."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import live_fakes
import poison
import pytest
from engine_helpers import Ear, engine
from live_fakes import grey
from process_state import parent_of
from waiting import beats, until

from face3d_live.codes import INDEX
from face3d_live.live.engine import child
from face3d_live.live.engine import client as engine_client
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.child import Reserve
from face3d_live.live.engine.client import EngineClient
from face3d_live.live.engine.connection import EngineLink
from face3d_live.live.engine.fair_queue import MAX_PICTURE_SECONDS, MAX_SLOW, PICTURE_SECONDS, FairQueue, RenderBudget
from face3d_live.live.engine.pipeline import ViewRequest
from face3d_live.live.engine.quarantine import FORGET_SECONDS, Measure, Quarantine

JAW = INDEX["jawOpen"]


@contextlib.contextmanager
def at_most(seconds):
    """Interrupt this thread when it takes longer: a blocked event loop cannot do that itself."""

    def too_long(*_):
        raise AssertionError(f"blocked for {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


async def first_result(client, name="a"):
    ear = Ear()
    session = client.attach(name, ear)
    session.submit(grey(0.5), 0)
    await ear.until(lambda: ear.results)
    return session, ear


async def test_a_stopped_engine_blocks_nobody_and_is_replaced():
    async with engine() as client:
        session, ear = await first_result(client)
        os.kill(client.pid, signal.SIGSTOP)
        descriptors = open_descriptors()
        with at_most(30):  # today the socket is full after some 270 of them
            for i in range(3000):
                reloaded = client.attach(f"page {i}", Ear())
                reloaded.submit(grey(0.3), 0)
                reloaded.close()
        assert open_descriptors() < descriptors + 20
        await ear.until(lambda: ear.restarts == 1)
        session.submit(grey(0.75), 1)
        await ear.until(lambda: ear.results[-1][0].codes.expression[JAW] == pytest.approx(0.75, abs=0.01))
        assert ear.measures == [], "who stopped it was not the session"


async def test_pages_that_reload_all_the_time_do_not_keep_a_hung_engine_alive():
    async with engine() as client:
        session, ear = await first_result(client)
        os.kill(client.pid, signal.SIGSTOP)

        async def reload():
            async for _ in beats(20):
                page = client.attach("page", Ear())
                page.submit(grey(0.3), 0)
                session.submit(grey(0.3), 1)
                page.close()

        reloading = asyncio.create_task(reload())
        await ear.until(lambda: ear.restarts == 1)
        reloading.cancel()


async def test_an_engine_that_is_stopped_while_it_has_nothing_to_do_is_noticed():
    async with engine() as client:
        _, ear = await first_result(client)
        first = client.pid
        os.kill(first, signal.SIGSTOP)
        await ear.until(lambda: ear.restarts == 1)
        assert client.pid != first


async def test_an_engine_that_is_stopped_while_it_loads_is_noticed():
    client = EngineClient(live_fakes.FakePipeline)
    client.start()
    await until(lambda: client.pid)
    os.kill(client.pid, signal.SIGSTOP)
    async with asyncio.timeout(30):
        await client.wait_ready()
    assert client.restarts == 1
    await client.stop()


async def test_a_supervisor_that_can_start_nothing_tries_again(monkeypatch):
    """No descriptors, no processes, no memory: the thread lives on, and the engine comes when there are some."""
    spawn, failures = EngineLink.spawn, [OSError(24, "Too many open files"), MemoryError(), RuntimeError("a bug")]

    def failing(link, factory):
        if failures:
            raise failures.pop(0)
        spawn(link, factory)

    monkeypatch.setattr(EngineLink, "spawn", failing)
    client = EngineClient(live_fakes.FakePipeline)
    monkeypatch.setattr(engine_client, "BACKOFF", (0.0,))
    client.start()
    async with asyncio.timeout(30):
        await client.wait_ready()
    assert client.state == "ready" and client.supervised and client.faults == 2
    await client.stop()
    assert not client.supervised


async def test_a_process_in_reserve_replaces_the_engine(monkeypatch):
    """It has loaded already: what is slow about a start has been done."""
    monkeypatch.setattr(engine_client, "RESERVE_SECONDS", (0.0, 0.0))
    async with engine() as client:
        session, ear = await first_result(client)
        await until(lambda: client.reserve_pid)
        reserve = client.reserve_pid
        os.kill(client.pid, signal.SIGKILL)
        await ear.until(lambda: ear.restarts == 1)
        assert client.pid == reserve
        session.submit(grey(0.75), 1)
        await ear.until(lambda: ear.results[-1][0].codes.expression[JAW] == pytest.approx(0.75, abs=0.01))
        await until(lambda: client.reserve_pid not in (None, reserve))  # and has one itself
        last = client.reserve_pid
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


def fork_server_of(pid: int) -> tuple[int, dict[str, str]]:
    """The process that a child was forked from: its id, and what Linux says of it."""
    parent = parent_of(pid)
    lines = Path(f"/proc/{parent}/status").read_text().splitlines()
    return parent, {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_what_children_are_forked_from_has_one_thread_and_outlives_a_stop_of_the_process_group():
    async with engine() as client:
        parent, status = fork_server_of(client.pid)
        assert parent != os.getpid() and status["Threads"] == "1"
        ignored_or_blocked = int(status["SigBlk"], 16) | int(status["SigIgn"], 16)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            assert ignored_or_blocked >> number - 1 & 1, number.name


async def test_sessions_outlive_what_children_are_forked_from():
    """Nobody sees any more how an engine ends; that it ends is seen, and there is a new one to fork the next from."""
    async with engine() as client:
        session, ear = await first_result(client)
        parent, _ = fork_server_of(client.pid)
        os.kill(parent, signal.SIGKILL)
        session.submit(grey(0.75), 1)
        await ear.until(lambda: ear.results[-1][0].codes.expression[JAW] == pytest.approx(0.75, abs=0.01))
        os.kill(client.pid, signal.SIGKILL)
        await ear.until(lambda: ear.restarts == 1)
        session.submit(grey(0.25), 2)
        await ear.until(lambda: ear.results[-1][0].codes.expression[JAW] == pytest.approx(0.25, abs=0.01))
        assert fork_server_of(client.pid)[0] != parent


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_reserve_that_has_died_or_is_stopped_keeps_nobody_waiting(monkeypatch, end):
    monkeypatch.setattr(engine_client, "RESERVE_SECONDS", (0.0, 0.0))
    async with engine() as client:
        _, ear = await first_result(client)
        await until(lambda: client.reserve_pid)
        reserve = client.reserve_pid
        os.kill(reserve, end)
        os.kill(client.pid, signal.SIGKILL)
        await ear.until(lambda: ear.restarts == 1)
        assert client.pid != reserve and client.state == "ready"


def test_a_reserve_that_keeps_dying_is_not_tried_all_the_time():
    times = iter([0.0, 1.0, child.RETRY_SECONDS - 1, child.RETRY_SECONDS + 1])
    reserve = Reserve(lambda: next(times))
    reserve.fill(live_fakes.pipeline_that_crashes)
    reserve.discard()
    for _ in range(2):
        reserve.fill(live_fakes.FakePipeline)
        assert reserve.pid is None
    reserve.fill(live_fakes.FakePipeline)
    assert reserve.pid is not None
    reserve.discard()
    assert reserve.pid is None


async def test_an_engine_that_does_not_start_for_a_while_comes_back(monkeypatch, tmp_path):
    """Three failed starts are no end."""
    monkeypatch.setattr(engine_client, "BACKOFF", (0.0,))
    obstacle = tmp_path / "obstacle"
    async with engine(poison.Fickle(obstacle)) as client:
        _, ear = await first_result(client)
        obstacle.touch()
        os.kill(client.pid, signal.SIGKILL)
        await until(lambda: client.failure)
        assert client.state == "starting" and not client.given_up
        obstacle.unlink()
        await ear.until(lambda: ear.restarts)
        assert client.state == "ready" and client.failure is None


@pytest.mark.parametrize("kind", ["hang", "die", "hang-loading"])
async def test_a_poison_avatar_is_drawn_once(kind):
    async with engine(poison.PoisonPipeline, hang_seconds=1.0) as client:
        session, ear = await first_result(client, "a")
        other, other_ear = await first_result(client, "b")
        avatar = poison.avatar(kind)
        session.show_avatar(avatar)
        client.avatar = avatar  # as of --avatar: new sessions must not begin with it either
        session.submit(grey(0.5), 1)
        await ear.until(lambda: ear.measures)
        assert ear.measures == [Measure.AVATAR] and session.avatar is None and client.avatar is None
        assert client.quarantine.holds(avatar.key)
        await other_ear.until(lambda: other_ear.restarts)
        for i in range(5):
            for each, heard in ((session, ear), (other, other_ear)):
                each.submit(grey(0.75), 2 + i)
                await heard.until(lambda heard=heard, i=i: heard.results[-1][1].t == 2 + i)
        assert client.restarts == 1 and other_ear.measures == []


async def test_everyone_who_shows_a_poison_avatar_loses_it():
    async with engine(poison.PoisonPipeline, hang_seconds=1.0) as client:
        pairs = [await first_result(client, name) for name in "ab"]
        avatar = poison.avatar("hang")
        for session, _ in pairs:
            session.show_avatar(avatar)
        pairs[0][0].submit(grey(0.5), 1)
        for session, ear in pairs:
            await ear.until(lambda ear=ear: ear.measures)
            assert session.avatar is None
        assert client.restarts <= 1


async def test_pictures_that_kill_the_engine_again_and_again_cost_the_session_its_place():
    async with engine(live_fakes.WickedPipeline, hang_seconds=1.0) as client:
        session, ear = await first_result(client)
        for strike in range(3):
            session.submit(grey(0.8), 1)
            await ear.until(lambda strike=strike: ear.restarts == strike + 1)
        assert ear.measures == [Measure.EVERYTHING, Measure.PLACE]


async def test_an_avatar_that_takes_the_others_time_is_given_up():
    async with engine(poison.PoisonPipeline) as client:
        session, ear = await first_result(client)
        session.show_avatar(poison.avatar("slow"))
        for t in (1, 2):  # the first one may compile shaders
            session.submit(grey(0.5), t)
            await ear.until(lambda t=t: ear.results[-1][1].t == t)
        await ear.until(lambda: ear.refused)
        assert ear.refused == ["avatar-too-slow"] and session.avatar is None
        session.submit(grey(0.5), 3)
        await ear.until(lambda: ear.results[-1][1].t == 3)
        assert ear.results[-1][0].ms["render"] == 2.0
        assert client.restarts == 0


def frame(session):
    return m.ProcessFrame(session, 0, 0, 0.0, ViewRequest())


def test_time_is_shared_and_not_turns():
    """One session's pictures take 20 times as long: it gets a twentieth of the turns, and silence saves up nothing."""
    queue, seconds, turns = FairQueue(), {"slow": 0.2, "quick": 0.01}, []
    queue.put(frame("slow"))
    for _ in range(100):
        for name in seconds:
            queue.put(frame(name))
        name = queue.pop().session
        queue.charge(name, seconds[name])
        turns.append(name)
    assert 3 <= turns.count("slow") <= 7
    queue.put(frame("late"))
    queue.put(frame("quick"))
    late = 0
    while queue.pop().session == "late":
        queue.charge("late", 0.01)
        queue.put(frame("late"))
        late += 1
    assert late <= 25, "a newcomer catches up one picture of the others, not all that went before it"
    queue.forget("late")
    queue.charge("late", 1.0)


def test_what_exceeds_the_time_of_a_picture():
    budget = RenderBudget()
    slow = PICTURE_SECONDS * 1.2
    assert not budget.exceeded(MAX_PICTURE_SECONDS * 1.2), "the first picture compiles shaders"
    assert not any(budget.exceeded(s) for s in [0.01, *[slow] * (MAX_SLOW - 1), 0.01, *[slow] * (MAX_SLOW - 1)])
    assert budget.exceeded(slow)
    assert budget.exceeded(MAX_PICTURE_SECONDS * 1.2)
    assert RenderBudget().exceeded(5.0)


def test_strikes_are_forgotten_and_signals_from_outside_count_half():
    now = [0.0]
    quarantine = Quarantine(lambda: now[0])
    assert quarantine.measure("a", True, True, "frame") is Measure.AVATAR
    assert quarantine.measure("b", False, True, "frame") is Measure.NOTHING
    assert quarantine.measure("b", False, True, "frame") is Measure.AVATAR
    assert quarantine.measure("c", True, False, "calibration") is Measure.EVERYTHING
    now[0] += FORGET_SECONDS + time.get_clock_info("monotonic").resolution
    assert quarantine.measure("a", True, False, "frame") is Measure.NOTHING


def test_who_is_only_there_when_others_end_the_engine_keeps_its_place():
    """Every 21 seconds for some minutes: more than a minute ago has nothing to do with now."""
    now = [0.0]
    quarantine = Quarantine(lambda: now[0])
    for _ in range(20):
        assert quarantine.measure("a", False, False, "frame") is Measure.NOTHING
        now[0] += 21.0
