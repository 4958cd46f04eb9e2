"""What Ray reads of the environment, set before it is imported: it tells nobody of its use, and asks for its token.

Whoever reaches the ports of a Ray cluster may run programs there. Ray's token keeps others out: every machine of the
cluster, and every gateway, has the same one in `~/.ray/auth_token`, or where RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH say.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

USAGE, MODE, TOKEN, TOKEN_PATH = "RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
TOKEN_FILE = Path("~/.ray/auth_token")


def _token_path() -> Path:
    return Path(os.environ.get(TOKEN_PATH) or TOKEN_FILE).expanduser()


def has_token() -> bool:
    """Whether this user has a token of Ray."""
    return bool(os.environ.get(TOKEN)) or _token_path().is_file()


def make_token() -> None:
    """Have Ray ask for a token, unless the user has decided otherwise. Ray must not have been imported."""
    if MODE in os.environ:
        return
    if not has_token():
        path = _token_path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    prepare()


def prepare() -> None:
    """No reports to Ray's makers; with a token where there is one. What the user has set stays."""
    os.environ.setdefault(USAGE, "0")
    if has_token():
        os.environ.setdefault(MODE, "token")
