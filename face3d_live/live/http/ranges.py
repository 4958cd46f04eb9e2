"""Range requests for files. A range that cannot be served is ignored, as RFC 9110 section 14.2 allows.

Starlette refuses such a range in plain text, unlike all other refusals.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Scope

_RANGES = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*", re.IGNORECASE)


def drop_bad_range(scope: Scope, size: int) -> None:
    """Remove a Range header that a file of `size` bytes cannot satisfy: the whole file is sent then."""
    wanted = Headers(scope=scope).get("range")
    if wanted is not None and not _can_serve(wanted, size):
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]


def _can_serve(wanted: str, size: int) -> bool:
    if len(wanted) > 1000 or not _RANGES.fullmatch(wanted):
        return False
    for first, last in re.findall(r"(\d*)-(\d*)", wanted):
        if first and (int(first) >= size or (last and int(last) < int(first))):
            return False
        if not first and (int(last) == 0 or size == 0):
            return False
    return True
