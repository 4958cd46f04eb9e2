"""Kept photos: uploaded once, used for finding faces and again for the reconstruction. An LRU cache in memory.

The faces that were found stay with the photo, so that it is searched only once. A page that asks for a photo that is
gone is told so, and uploads it again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from face3d_live.errors import NotFoundError
from face3d_live.live.worker.tasks import Detections

MAX_PHOTOS = 8
MAX_BYTES = 60 * 1024 * 1024
KEEP_SECONDS = 600.0


@dataclass(frozen=True)
class Photo:
    """data: the file.

    answer, detections: what the studio's `faces` task found in it, for the page and for the worker; None: unknown.
    """

    data: bytes
    answer: Mapping[str, Any] | None = None
    detections: Detections | None = None


@dataclass
class _Entry:
    photo: Photo
    expiry: asyncio.TimerHandle


class PhotoCache:
    """Least recently used photos are dropped first, and each `KEEP_SECONDS` after its last use. For one event loop."""

    def __init__(self, prefix: str = "") -> None:
        """prefix: with which the names begin."""
        self._prefix = prefix
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, photo: Photo) -> str:
        """Keep a photo. Returns its name, which cannot be guessed; one that is kept already has its name."""
        for name, entry in self._entries.items():
            if entry.photo is photo:
                self.get(name)
                return name
        name = self._prefix + secrets.token_hex(16)
        self._entries[name] = _Entry(photo, self._expiry_of(name))
        while len(self._entries) > MAX_PHOTOS or (len(self._entries) > 1 and self._bytes() > MAX_BYTES):
            self.remove(next(iter(self._entries)))
        return name

    def get(self, name: str) -> Photo:
        """A kept photo; counts as a use. Raises NotFoundError "photo-gone"."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotFoundError("photo-gone", "the photo is not kept any more: send it again")
        entry.expiry.cancel()
        entry.expiry = self._expiry_of(name)
        self._entries.move_to_end(name)
        return entry.photo

    def remove(self, name: str) -> None:
        """Drop a photo. Unknown ones are no error."""
        entry = self._entries.pop(name, None)
        if entry is not None:
            entry.expiry.cancel()

    def _expiry_of(self, name: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(KEEP_SECONDS, self.remove, name)

    def _bytes(self) -> int:
        return sum(len(entry.photo.data) for entry in self._entries.values())
