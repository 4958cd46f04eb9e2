"""Placement, ids, kept states, the number of workers, merged metrics: without Ray, and without a clock."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from face3d_live.cluster import kept_states, placement
from face3d_live.cluster.gateway.directory import owner
from face3d_live.cluster.gateway.metrics import merged
from face3d_live.cluster.kept_states import KeptState, KeptStates
from face3d_live.cluster.names import new_worker, prefix_of, worker_of
from face3d_live.cluster.options import Size
from face3d_live.cluster.placement import Load, choose, choose_any, free_places
from face3d_live.cluster.report import load_from
from face3d_live.cluster.sizing import EMPTY_SECONDS, UNPLACED_SECONDS, Sizing
from face3d_live.errors import AssetError, InputError, NotFoundError


def load(name, sessions=0, busy=0.0, **more):
    return Load(name, "http://there", ready=True, sessions=sessions, busy=busy, **more)


def test_the_least_loaded_gets_it_by_what_was_measured_and_not_by_their_number():
    light, heavy = load("a", 3, 0.3), load("b", 1, 0.6)
    assert choose([heavy, light]) == light
    assert choose([heavy, light], without=["a"]) is None  # one more of 0.6 would be too much
    assert choose([load("c", 2, 0.3), load("d")]).name == "d"


def test_who_loses_pictures_gets_no_more_whatever_its_load():
    losing = load("a", 1, 0.1, kept=0.7)
    assert choose([losing]) is None and choose([losing, load("b", 1, 0.4)]).name == "b"
    assert choose([load("a", kept=0.5)]).name == "a"  # an empty one has nobody who could


@pytest.mark.parametrize(
    "change", [{"ready": False}, {"draining": True}, {"sessions": 8}, {"sessions": 6, "placed": 2}, {"busy": 0.85}]
)
def test_who_gets_none(change):
    assert choose([replace(load("a", 2, 0.1), **change)]) is None


def test_a_session_that_goes_on_gets_any_place():
    losing = load("a", 3, 0.95, kept=0.5)
    assert choose([losing]) is None and choose_any([losing]) == losing
    assert choose_any([losing, load("b", 8)]) == losing and choose_any([losing], without=["a"]) is None
    assert choose_any([replace(losing, draining=True), replace(losing, ready=False)]) is None


def test_a_burst_is_spread_before_any_report_tells_of_it():
    workers: dict = {name: load(name, most=3) for name in "abc"}
    for _ in range(9):
        chosen = choose(workers.values())
        assert chosen is not None
        workers[chosen.name] = replace(chosen, placed=chosen.placed + 1)
    assert [each.placed for each in workers.values()] == [3, 3, 3] and choose(workers.values()) is None


def test_places():
    assert free_places([load("a"), load("b", 8)]) == 3  # of 0.3 each, as nothing was measured
    assert free_places([load("a", 2, 0.2), load("b")]) == 6 + 8  # of 0.1 each; eight is the limit
    assert free_places([load("a", 2, 1.2)]) == 0
    assert placement.of_address([load("a", addresses={"x": 2}), load("b", addresses={"x": 1, "y": 1})], "x") == 3


def test_ids_carry_their_worker():
    name = new_worker()
    assert worker_of(prefix_of(name) + "0a1b") == name
    for other in ("", "0a1b", name, f"{name}-", "wabc-1", "x123456-1", "wABCDEF-1", "20261128-101112-abc"):
        assert worker_of(other) is None


class Table:
    secret, stale = "", False

    def __init__(self, *loads):
        self.workers = {load.name: load for load in loads}


def test_the_owner_of_an_id():
    table = Table(load("w0a1b2c"))
    assert owner(table, "w0a1b2c-1").name == "w0a1b2c"
    with pytest.raises(NotFoundError, match="not-found"):
        owner(table, "w0a1b2d-1")
    table.stale = True
    with pytest.raises(AssetError, match="cluster-away"):
        owner(table, "w0a1b2d-1")


def test_a_report_becomes_a_load():
    sessions = [
        {"id": "a", "address": "x", "age": 9.0, "busy": 0.2, "state": 0},
        {"id": "b", "address": "x", "age": 1.0, "busy": 0.1, "state": 7},
    ]
    report = {"ready": True, "draining": False, "most": 4, "jobs": 1, "kept": 0.95, "sessions": sessions}
    first = load_from(report, Load("w"), now=100.0)
    assert (first.sessions, first.most, first.jobs, first.kept) == (2, 4, 1, 0.95)
    assert first.busy == pytest.approx(0.4)  # the new one counts like the other
    assert first.addresses == {"x": 2} and first.newest == (99.0, "b")
    quiet = load_from(report | {"sessions": sessions[:1]}, first, now=101.0)
    assert quiet.busy == pytest.approx(0.3)  # a running mean
    assert load_from(report | {"sessions": []}, quiet, now=102.0).busy == 0


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_states_outlive_their_session_for_a_while(monkeypatch):
    now = [0.0]
    states = KeptStates(lambda: now[0])
    states.put("w-1", KeptState("w", 5, b"one", "fox"))
    states.put("w-2", KeptState("w", 6, b"two", ""))
    states.put_avatar("fox", b"glb")
    states.update("w", ["w-1", "w-2"])
    assert states.version("w-1") == 5 and states.get("w-1") == (b"one", b"glb") and states.get("w-2") == (b"two", b"")
    states.update("w", ["w-2"])
    states.update("v", [])
    now[0] = kept_states.FORGET_SECONDS - 1
    states.forget()
    assert states.get("w-1") is not None
    now[0] += 2
    states.forget()
    assert states.get("w-1") is None and states.version("w-1") == 0 and not states.has_avatar("fox")
    assert states.get("w-2") is not None


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(kept_states, "MAX_AVATAR_BYTES", 10)
    states = KeptStates()
    states.put("w-1", KeptState("w", 1, bytes(kept_states.MAX_STATE_BYTES + 1), ""))
    assert states.get("w-1") is None
    for key in "abc":
        states.put_avatar(key, b"12345")
    assert [states.has_avatar(key) for key in "abc"] == [False, True, True]


# --- the number of workers --------------------------------------------------------------------------------------------


def test_as_many_as_fit_but_where_one_was_taken_away():
    sizing = Sizing(Size())
    assert sizing.wanted([], {"n": 2, "m": 1}) == 3
    sizing.hold("n")
    assert sizing.wanted([], {"n": 2, "m": 1}) == 2


def test_one_more_than_is_needed_and_one_less_when_it_stays_empty():
    now = [0.0]
    sizing = Sizing(Size(1, 3), lambda: now[0])
    full = load("a", 2, 0.8)
    assert sizing.wanted([], {}) == 1
    assert sizing.wanted([full], {}) == 2
    assert sizing.wanted([full, Load("b")], {}) == 2  # it is coming
    assert sizing.wanted([full, full, full], {}) == 3
    empty = [load("a"), load("b"), load("c")]
    assert sizing.wanted(empty, {}) == 3
    now[0] = EMPTY_SECONDS + 1
    assert sizing.wanted(empty, {}) == 2
    assert [each.name for each in sizing.surplus(empty, 2)] == ["a"]
    assert sizing.wanted(empty, {}) == 3  # one at a time


def test_a_worker_that_finds_no_machine_is_given_up_after_a_while():
    now = [0.0]
    sizing = Sizing(Size(), lambda: now[0])
    staying = [load("a"), Load("b")]
    assert sizing.surplus(staying, 1) == []
    now[0] = UNPLACED_SECONDS + 1
    assert [each.name for each in sizing.surplus(staying, 1)] == ["b"]


@pytest.mark.parametrize(("text", "size"), [("fill", Size()), ("3", Size(3, 3)), ("1-20", Size(1, 20))])
def test_sizes(text, size):
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "0", "-3", "3-1", "two", "1-", "1-2-3"])
def test_sizes_that_are_none(text):
    with pytest.raises(InputError, match="bad-option"):
        Size.parse(text)


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_metrics_of_workers_are_one_text():
    one = (
        "# HELP face3d_frames_total Pictures\n# TYPE face3d_frames_total counter\nface3d_frames_total 3.0\n"
        "# HELP face3d_fps Rate\n# TYPE face3d_fps gauge\n"
        'face3d_fps{session="w1-\\"x"} 30.0\n'
    )
    text = merged({"w1": one, "w2": one.replace("3.0", "4.0")}).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    values = {sample.labels["worker"]: sample.value for sample in families["face3d_frames"].samples}
    assert values == {"w1": 3.0, "w2": 4.0} and families["face3d_frames"].type == "counter"
    assert {(each.labels["worker"], each.labels["session"]) for each in families["face3d_fps"].samples} == {
        ("w1", 'w1-"x'),
        ("w2", 'w1-"x'),
    }
    assert text.count("# TYPE face3d_fps gauge") == 1
