"""Log lines for people or for machines, with session ids, and without what is nobody's business.

No line holds a session description, a token, or the address of another machine, whatever a library or a traceback puts
into it: each is replaced where the line is written. Pictures and codes are never logged.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Literal

from face3d_live.live.log_limiter import LogLimiter

Format = Literal["text", "json"]

#: Tells child processes how to log: they are configured before they know anything else.
VARIABLE = "FACE3D_LOG"
_SESSION = re.compile(r"\bsession ([0-9a-f]{8,32})\b")
#: Lines of a session description, and its telling parts inside of other lines (a traceback's repr).
_SDP = re.compile(
    r"(?m)^[a-z]=[^\n]*(?:\n[a-z]=[^\n]*)*"
    r"|(?:v=0\\?[rn]|a=(?:candidate|ice-ufrag|ice-pwd|fingerprint|ssrc|msid)\b|c=IN )[^\n]*"
)
_SECRET = re.compile(r"(?i)(\btoken[=.:]\s*|\bbearer\s+|\bturns?:[^\s:@]+:)[^\s'\"&@,]+")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
    r"|(?=[0-9a-fA-F]*:)[0-9a-fA-F:]{3,39}(?:(?:\.\d{1,3}){3})?(?![\w:]))"
)


def configure(form: Format, verbose: bool, secrets: Iterable[str | None] = ()) -> None:
    """Write all log lines of this process to stderr. secrets: never written. Children do the same by `inherit`."""
    handler = logging.StreamHandler(sys.stderr)
    kept = tuple(secret for secret in secrets if secret)
    handler.setFormatter(JsonFormatter(kept) if form == "json" else TextFormatter(kept))
    handler.addFilter(LogLimiter())
    logging.basicConfig(handlers=[handler], force=True)
    logging.getLogger("face3d_live").setLevel(logging.INFO if verbose else logging.WARNING)
    os.environ[VARIABLE] = f"{form}:{'verbose' if verbose else ''}"


def inherit() -> None:
    """In a child process: log as its parent does."""
    form, _, verbose = os.environ.get(VARIABLE, "").partition(":")
    if form in ("text", "json"):
        configure("json" if form == "json" else "text", bool(verbose))


class TextFormatter(logging.Formatter):
    """One line, and the traceback below it."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redacted(super().format(record), self._secrets)


class JsonFormatter(logging.Formatter):
    """`{"time","level","logger","message"}` on one line, with `session` and `error` (a traceback) where there are."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        message = redacted(record.getMessage(), self._secrets)
        plain = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if (session := _SESSION.search(message)) is not None:
            plain["session"] = session[1]
        if record.exc_info:
            plain["error"] = redacted(self.formatException(record.exc_info), self._secrets)
        return json.dumps(plain)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without session descriptions, tokens, and other machines' addresses."""
    for secret in secrets:
        text = text.replace(secret, "[token]")
    text = _SECRET.sub(r"\1[token]", _SDP.sub("[sdp]", text))
    return _ADDRESS.sub(_without_address, text)


def _without_address(found: re.Match[str]) -> str:
    try:
        address = ip_address(found[0])
    except ValueError:  # a time, a version
        return found[0]
    return found[0] if address.is_loopback or address.is_unspecified else "[address]"
