"""A client's subscription to the expression stream: `?format=`, `?session=`, `?rate=`, `?names=`, checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from face3d_live.codes import ARKIT, INDEX
from face3d_live.errors import InputError
from face3d_live.live.rate_limiter import MAX_RATE
from face3d_live.typing import AnyArray

_KNOWN = {"format", "session", "rate", "names"}


@dataclass(frozen=True)
class Subscription:
    """session: None for all.

    rate: limit, frames per second of each session; None: no limit. names: coefficients, in order.
    """

    binary: bool = False
    session: str | None = None
    rate: float | None = None
    names: tuple[str, ...] = ARKIT

    @property
    def columns(self) -> AnyArray:  # (len(names),)
        """The indices of the names in a frame's expression."""
        return np.array([INDEX[name] for name in self.names])

    @classmethod
    def from_query(cls, query: Mapping[str, str], session: str | None = None) -> Subscription:
        """Raises InputError "bad-option", "bad-format", "bad-rate" or "bad-names". session: the one in the path."""
        for key in query:
            if key not in _KNOWN:
                raise InputError("bad-option", f"{key[:20]}: unknown; use {', '.join(sorted(_KNOWN))}")
        form = query.get("format", "json")
        if form not in ("json", "binary"):
            raise InputError("bad-format", "format: json or binary")
        session = session or query.get("session")
        return cls(form == "binary", session, _rate(query.get("rate")), _names(query.get("names")))


def _rate(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MAX_RATE:
        raise InputError("bad-rate", f"rate: a number above 0, up to {MAX_RATE:g}")
    return rate


def _names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ARKIT
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in INDEX:
            near = difflib.get_close_matches(name[:40], ARKIT, 1, 0.5)
            raise InputError("bad-names", f"{name[:20]!r} is none of the 52" + (f"; {near[0]}?" if near else ""))
    return names
