"""What a session takes with it to another server: its calibration, avatar, styling and outputs.

A server that is about to get such a session is given the state first, and keeps it for a few seconds under the old
session's id; the offer then names that (`POST /api/sessions?resume=ID`). A server alone carries nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from face3d_live.live.engine.client import Beginning
from face3d_live.live.outputs import address
from face3d_live.live.outputs.store import SavedOutput

#: A state that nobody asks for within so many seconds is dropped; so is the oldest of more than so many.
KEEP_SECONDS = 30.0
MAX_STATES = 16


@dataclass(frozen=True)
class SessionState:
    """begin: for the engine. outputs: those of this session alone."""

    begin: Beginning
    outputs: tuple[SavedOutput, ...] = ()

    def outputs_of(self, session_id: str) -> list[SavedOutput]:
        """The outputs, as those of another session. Raises InputError for an address that cannot be used."""
        moved = [replace(address.parse(one.url), session=session_id).url for one in self.outputs]
        return [replace(one, url=url) for one, url in zip(self.outputs, moved, strict=True)]


class CarriedStates:
    """States by the id of the session that had them. Each is taken once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: OrderedDict[str, tuple[float, SessionState]] = OrderedDict()

    def add(self, session_id: str, state: SessionState) -> None:
        """Keep a state."""
        self._drop_old()
        self._states[session_id] = self._clock(), state
        while len(self._states) > MAX_STATES:
            self._states.popitem(last=False)

    def take(self, session_id: str) -> SessionState | None:
        """The state, which is then no longer here; None where there is none."""
        self._drop_old()
        _, state = self._states.pop(session_id, (0.0, None))
        return state

    def _drop_old(self) -> None:
        now = self._clock()
        for name in [name for name, (at, _) in self._states.items() if now - at > KEEP_SECONDS]:
            del self._states[name]
