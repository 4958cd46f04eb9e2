"""Shared by tests: what `test_avatar_files` and others use."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 12),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(
        [2**31, 2**63, 1e300, -1e38, "", "x", "VEC3", "BLEND", [], {}, [[]], [{}], [0] * 16, {"a": 1}, 5121]
    ),
)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Every path into plain data."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(inner, (*path, key))
    return found


def mutate(data: st.DataObject, document: Any) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        if not document:
            return
        *way, last = data.draw(st.sampled_from(places(document)))
        place = document
        for step in way:
            place = place[step]
        if data.draw(st.integers(0, 3)) == 0:
            del place[last]
        else:
            place[last] = copy.deepcopy(data.draw(ODD))
