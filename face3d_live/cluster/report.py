"""A worker's report about itself: what the controller asks twice a second. Made in the worker's server process."""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from face3d_live.cluster.placement import USUAL_COST, Load
from face3d_live.live.service import LiveService
from face3d_live.live.sessions.session import Session

#: A session's losses count once it has had its camera for so long: its first pictures meet an engine that is not warm.
SETTLED_SECONDS = 3.0
#: Weight of the newest report in the running means.
SMOOTHING = 0.5


def state_version(live: LiveService, session: Session) -> int:
    """Changes when what the session would take with it changes; never 0."""
    state = live.state_of(session)
    begin = state.begin
    key = begin.avatar.key if begin.avatar is not None else ""
    plain = id(begin.calibration), key, begin.styling, state.outputs
    return zlib.crc32(repr(plain).encode()) or 1


class Reporter:
    """Measures between one report and the next. boot: of this process, so that a new one is noticed."""

    def __init__(self, live: LiveService) -> None:
        self.boot = secrets.token_hex(4)
        self._live = live
        self._dropped: dict[str, int] = {}
        self._at = time.monotonic()
        self._kept = 1.0

    def report(self) -> dict[str, Any]:
        """Plain data: see `load_from`."""
        live, now = self._live, time.monotonic()
        seconds, self._at = max(now - self._at, 1e-3), now
        sessions, processed, lost = [], 0.0, 0.0
        dropped = {}
        for session in live.sessions:
            state = session.state()
            fps, ms = _number(state["fps"]), _engine_ms(state["ms"])
            dropped[session.id] = session.engine.dropped
            if _number(state["age"]) > SETTLED_SECONDS:
                processed += fps * seconds
                lost += session.engine.dropped - self._dropped.get(session.id, session.engine.dropped)
            sessions.append(
                {
                    "id": session.id,
                    "address": session.address,
                    "age": state["age"],
                    "busy": fps * ms / 1000,
                    "state": state_version(live, session),
                }
            )
        self._dropped = dropped
        kept = processed / (processed + lost) if processed > 0 else 1.0
        self._kept += SMOOTHING * (kept - self._kept)
        return {
            "boot": self.boot,
            "ready": live.engine.state == "ready" and not live.missing,
            "draining": live.draining,
            "most": int(live.settings.limits.sessions),
            "jobs": live.jobs.unfinished,
            "kept": round(self._kept, 3),
            "sessions": sessions,
        }


def load_from(report: Mapping[str, Any], before: Load, now: float) -> Load:
    """The load that a report tells. before: the one that it replaces. now: when it came, monotonic seconds."""
    sessions = report["sessions"]
    addresses: dict[str, int] = {}
    for session in sessions:
        addresses[session["address"]] = addresses.get(session["address"], 0) + 1
    newest = max(((now - float(one["age"]), str(one["id"])) for one in sessions), default=None)
    busy = _busy(sessions)
    smooth = before.busy + SMOOTHING * (busy - before.busy) if before.sessions else busy
    return replace(
        before,
        ready=bool(report["ready"]),
        draining=before.draining or bool(report["draining"]),
        sessions=len(sessions),
        most=int(report["most"]),
        busy=smooth if sessions else 0.0,
        kept=float(report["kept"]),
        jobs=int(report["jobs"]),
        addresses=addresses,
        newest=newest,
    )


def _busy(sessions: Sequence[Mapping[str, Any]]) -> float:
    """What the sessions use. A new one counts like the others until its rate is known: else a burst would find a worker
    that looks idle.
    """
    settled = [float(one["busy"]) for one in sessions if one["age"] > SETTLED_SECONDS]
    new = [float(one["busy"]) for one in sessions if one["age"] <= SETTLED_SECONDS]
    usual = sum(settled) / len(settled) if settled else USUAL_COST
    return sum(settled) + sum(max(busy, usual) for busy in new)


def _engine_ms(ms: Any) -> float:
    return float(ms.get("engine", ms.get("track", 0.0) + ms.get("render", 0.0)))


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
