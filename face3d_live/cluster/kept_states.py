"""What the controller keeps of sessions, so that they can go on with another worker. No I/O.

Avatars are kept once, whatever number of sessions shows them, within `MAX_AVATAR_BYTES`; the least recently used go
first. A state is forgotten `FORGET_SECONDS` after its session has ended, or its worker.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_AVATAR_BYTES = 512_000_000
FORGET_SECONDS = 30.0
#: Of one session, its avatar not counted: a calibration and a few profiles of outputs.
MAX_STATE_BYTES = 256_000


@dataclass
class KeptState:
    """version: as the worker counts. data: a pickled SessionState. avatar: its key, "" for none. gone: when its session
    ended, seconds of the clock; None while it is open.
    """

    worker: str
    version: int
    data: bytes
    avatar: str
    gone: float | None = None


class KeptStates:
    """By session id."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, KeptState] = {}
        self._avatars: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def version(self, session_id: str) -> int:
        """Of the state that is kept; 0 for none."""
        state = self._states.get(session_id)
        return state.version if state is not None else 0

    def has_avatar(self, key: str) -> bool:
        """Whether an avatar is kept."""
        return key in self._avatars

    def put(self, session_id: str, state: KeptState) -> None:
        """Keep a state. One that is too large is not, nor is the one before it."""
        if len(state.data) > MAX_STATE_BYTES:
            self._states.pop(session_id, None)
        else:
            self._states[session_id] = state

    def put_avatar(self, key: str, packed: bytes) -> None:
        """Keep an avatar."""
        self._avatars[key] = packed
        self._avatars.move_to_end(key)
        while sum(map(len, self._avatars.values())) > MAX_AVATAR_BYTES:
            self._avatars.popitem(last=False)

    def get(self, session_id: str) -> tuple[bytes, bytes] | None:
        """(state, packed avatar or nothing); None where nothing is kept."""
        state = self._states.get(session_id)
        if state is None:
            return None
        if state.avatar in self._avatars:
            self._avatars.move_to_end(state.avatar)
        return state.data, self._avatars.get(state.avatar, b"")

    def update(self, worker: str, open_sessions: Iterable[str]) -> None:
        """These sessions of a worker are open; its others have ended."""
        now, there = self._clock(), set(open_sessions)
        for session_id, state in list(self._states.items()):
            if state.worker != worker:
                continue
            if session_id in there:
                state.gone = None
            elif state.gone is None:
                state.gone = now

    def forget(self) -> None:
        """Drop the states of sessions that ended long ago, and avatars that nobody shows any more."""
        now = self._clock()
        gone = [
            name for name, state in self._states.items() if state.gone is not None and now - state.gone > FORGET_SECONDS
        ]
        for name in gone:
            del self._states[name]
        shown = {state.avatar for state in self._states.values()}
        for key in [key for key in self._avatars if key not in shown]:
            del self._avatars[key]
