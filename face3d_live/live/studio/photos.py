"""Photos that were shown their faces and wait for the head that is made of them: sent once, used twice.

In memory only, few, and not for long. A page that asks too late is told so, and sends its photo again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from face3d_live.errors import InputError

MAX_KEPT = 8
MAX_KEPT_BYTES = 60 * 1024 * 1024
KEEP_SECONDS = 600.0


@dataclass
class _Kept:
    photo: bytes
    end: asyncio.TimerHandle


class Photos:
    """Those that were looked at longest ago give way to new ones. For one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, photo: bytes) -> str:
        """Remember a photo; returns what it is called, which nobody can guess."""
        name = secrets.token_hex(16)
        self._kept[name] = _Kept(photo, self._end_of(name))
        while len(self._kept) > MAX_KEPT or (len(self._kept) > 1 and self._bytes() > MAX_KEPT_BYTES):
            self.forget(next(iter(self._kept)))
        return name

    def get(self, name: str) -> bytes:
        """A photo that is still remembered; its time begins anew. Raises InputError "photo-gone"."""
        kept = self._kept.get(name)
        if kept is None:
            raise InputError("photo-gone", "the photo is not kept any more: send it again")
        kept.end.cancel()
        kept.end = self._end_of(name)
        self._kept.move_to_end(name)
        return kept.photo

    def forget(self, name: str) -> None:
        """Let go of a photo. Unknown ones are no error."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            kept.end.cancel()

    def _end_of(self, name: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(KEEP_SECONDS, self.forget, name)

    def _bytes(self) -> int:
        return sum(len(kept.photo) for kept in self._kept.values())
