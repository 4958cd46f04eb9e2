"""What is made once for a head."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar

from face3d_live.head.model import Head

_Key = TypeVar("_Key", bound=Hashable)
_Made = TypeVar("_Made")


def per_head(make: Callable[[Head, _Key], _Made]) -> Callable[[Head, _Key], _Made]:
    """A function of a head and something else (a texture's size, a mesh level) whose results are made on first use in a
    process, and kept."""
    made: dict[tuple[int, _Key], tuple[Head, _Made]] = {}

    @wraps(make)
    def kept(head: Head, key: _Key) -> _Made:
        if (id(head), key) not in made:
            made[id(head), key] = (head, make(head, key))  # holds the head: its id stays its own
        return made[id(head), key][1]

    return kept
