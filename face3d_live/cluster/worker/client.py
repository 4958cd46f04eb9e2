"""HTTP to workers' servers: what the controller asks of them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import aiohttp

from face3d_live.cluster.kept_states import KeptState
from face3d_live.cluster.worker.server import MAX_AVATAR

#: For an answer about itself: a worker that needs longer, twice in a row, hangs.
REPORT_SECONDS = 1.0
#: For a state with its avatar.
CARRY_SECONDS = 5.0


class WorkerClient:
    """secret: the cluster's. Raises aiohttp.ClientError and TimeoutError in every method."""

    def __init__(self, secret: str) -> None:
        headers = {"Authorization": f"Bearer {secret}"}
        self._http = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        """No more requests."""
        await self._http.close()

    async def report(self, url: str) -> dict[str, Any]:
        """A worker's report about itself, see `report.Reporter`."""
        async with self._http.get(f"{url}/api/cluster/report", timeout=_within(REPORT_SECONDS)) as answer:
            answer.raise_for_status()
            plain: dict[str, Any] = await answer.json()
            return plain

    async def state(self, url: str, worker: str, session: Mapping[str, Any]) -> KeptState:
        """What a session of a report would take with it."""
        place = f"{url}/api/cluster/sessions/{session['id']}/state"
        async with self._http.get(place, timeout=_within(CARRY_SECONDS)) as answer:
            answer.raise_for_status()
            state, avatar = pickle.loads(await answer.read())
        return KeptState(worker, int(session["state"]), pickle.dumps(state), avatar)

    async def avatar(self, url: str, session_id: str) -> bytes:
        """A session's avatar, packed; nothing where it is too large to be carried."""
        place = f"{url}/api/cluster/sessions/{session_id}/avatar"
        async with self._http.get(place, timeout=_within(CARRY_SECONDS)) as answer:
            if answer.status == 404:
                return b""
            answer.raise_for_status()
            packed = await answer.read()
            return packed if len(packed) <= MAX_AVATAR + (1 << 20) else b""

    async def carry(self, url: str, session_id: str, state: bytes, avatar: bytes) -> None:
        """Give a worker the state of a session that is about to come."""
        data = pickle.dumps((pickle.loads(state), avatar))
        place = f"{url}/api/cluster/states/{session_id}"
        async with self._http.put(place, data=data, timeout=_within(CARRY_SECONDS)) as answer:
            answer.raise_for_status()

    async def drain(self, url: str, move: int) -> int:
        """Have a worker take no new sessions, and send some away. Returns how many it has."""
        plain = {"move": move}
        async with self._http.post(f"{url}/api/cluster/drain", json=plain, timeout=_within(REPORT_SECONDS)) as answer:
            answer.raise_for_status()
            return int((await answer.json())["sessions"])


def _within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)
