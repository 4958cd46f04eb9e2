"""Names of workers, and the ids that carry them: `w3fa91c-0a1b2c3d4e5f6071` is a session of worker `w3fa91c`.

Ids of sessions, jobs, kept photos, takes and outputs are made by the worker that has them. So every gateway knows whom
to ask, and keeps nothing itself.
"""

from __future__ import annotations

import re
import secrets

#: Ray's namespace of everything here, and the controller's name in it.
NAMESPACE = "face3d"
CONTROLLER = "controller"

_NAME = re.compile(r"w[0-9a-f]{6}")


def new_worker() -> str:
    """A name that no other worker has."""
    return "w" + secrets.token_hex(3)


def is_worker(name: str) -> bool:
    """Whether this is a worker's name."""
    return _NAME.fullmatch(name) is not None


def prefix_of(worker: str) -> str:
    """With which a worker's ids begin."""
    return f"{worker}-"


def worker_of(some_id: str) -> str | None:
    """The worker that made an id; None for an id that no worker of a cluster makes."""
    name, hyphen, rest = some_id.partition("-")
    return name if hyphen and rest and is_worker(name) else None
