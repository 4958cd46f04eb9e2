"""What Ray reads of the environment, set before it is imported: it tells nobody of its use, and asks for its token.

Whoever reaches the ports of a Ray cluster may run programs there. Ray's token keeps others out: every machine of the
cluster, and every gateway, has the same one in `~/.ray/auth_token`, or where RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH say.
"""

from __future__ import annotations

import os
from pathlib import Path

USAGE, MODE, TOKEN, TOKEN_PATH = "RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
TOKEN_FILE = Path("~/.ray/auth_token")


def has_token() -> bool:
    """Whether this user has a token of Ray."""
    named = os.environ.get(TOKEN_PATH)
    return bool(os.environ.get(TOKEN)) or (Path(named) if named else TOKEN_FILE).expanduser().is_file()


def prepare() -> None:
    """No reports to Ray's makers; with a token where there is one. What the user has set stays."""
    os.environ.setdefault(USAGE, "0")
    if has_token():
        os.environ.setdefault(MODE, "token")
