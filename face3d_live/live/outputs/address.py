"""An output's address and options as one URL: `vmc://127.0.0.1:39539?names=vrm1&rate=60`.

A face's frames are personal data: outputs go to this machine and to private addresses only, never to a broadcast or
multicast address.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from face3d_live.errors import InputError
from face3d_live.live.hosts import parse_ip
from face3d_live.live.rate_limiter import MAX_RATE
from face3d_live.protocols import ifacialmocap, live_link, openseeface, vmc, vtube_studio

MAX_URL = 500
MIN_RATE = 1.0
MIN_PORT = 1024
#: The host of an iFacialMocap output that sends to every receiver that makes a handshake.
ANY_HOST = "0.0.0.0"


@dataclass(frozen=True)
class Kind:
    """One format. names: its default preset; None when the format itself fixes the names. rate: its default."""

    title: str
    port: int
    names: str | None
    rate: float = 60.0


KINDS: Mapping[str, Kind] = {
    "vmc": Kind("VMC", vmc.PORT, "perfectsync"),
    "livelink": Kind("Live Link Face", live_link.PORT, None),
    "ifacialmocap": Kind("iFacialMocap", ifacialmocap.PORT, None),
    "vts": Kind("VTube Studio", vtube_studio.PORT, "vts"),
    "osf": Kind("OpenSeeFace", openseeface.PORT, None),
}

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_-]{1,63})*\.?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,63}")


@dataclass(frozen=True)
class Address:
    """names: a preset.

    mapping: a saved profile's name. session: only this session's frames. subject: Live Link's name.
    """

    kind: str
    host: str
    port: int
    rate: float
    names: str | None = None
    mapping: str | None = None
    mirror: bool = False
    session: str | None = None
    subject: str | None = None

    @property
    def destination(self) -> tuple[str, str, int]:
        """Two outputs must not have the same."""
        return self.kind, self.host, self.port

    @property
    def waits_for_handshake(self) -> bool:
        """Whether it sends to the receivers that make a handshake, instead of to a host."""
        return self.host == ANY_HOST

    @property
    def url(self) -> str:
        """The URL; `parse` reads it."""
        host = f"[{quote(self.host, safe=':')}]" if ":" in self.host else self.host
        options: dict[str, str] = {}
        if self.rate != KINDS[self.kind].rate:
            options["rate"] = f"{self.rate:g}"
        if self.mirror:
            options["mirror"] = "1"
        for key in ("names", "mapping", "session", "subject"):
            if (value := getattr(self, key)) is not None:
                options[key] = value
        return f"{self.kind}://{host}:{self.port}" + ("?" + urlencode(options, quote_via=quote) if options else "")


def parse(url: str) -> Address:
    """Raises InputError "bad-output" for a URL that is no output's, "bad-address" for a forbidden destination."""
    if not isinstance(url, str) or len(url) > MAX_URL or not url.isprintable():
        raise InputError("bad-output", f"an output is a URL of at most {MAX_URL} printable characters")
    try:
        parts = urlsplit(url)
        host, port = unquote(parts.hostname or ""), parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
    except ValueError as error:
        raise InputError("bad-output", f"{url!r} cannot be read: write for example vmc://127.0.0.1:39539") from error
    if parts.scheme not in KINDS:
        raise InputError("bad-output", f"{url!r}: an output begins with {', '.join(f'{kind}://' for kind in KINDS)}")
    if not host or parts.path not in ("", "/") or parts.fragment or parts.username is not None:
        raise InputError("bad-output", f"{url!r}: after {parts.scheme}:// come a host, perhaps a port and ?options")
    kind = KINDS[parts.scheme]
    if not (parts.scheme == "ifacialmocap" and host == ANY_HOST):
        check_host(host)
    port = kind.port if port is None else port
    if port < MIN_PORT:
        raise InputError("bad-address", f"port {port} is not for outputs: {kind.title} listens on {kind.port}")
    options = _options(parts.scheme, query)
    return _read(Address(parts.scheme, host, port, _rate(options.pop("rate", None), kind.rate)), options)


def check_host(host: str) -> None:
    """Raises InputError "bad-output" for what is no host, "bad-address" for a forbidden address."""
    address = parse_ip(host)
    if address is None:
        if not _HOST.fullmatch(host) or host.replace(".", "").isdigit():
            raise InputError("bad-output", f"{host[:80]!r} is no host: write a name or an IP address")
        return
    if address.is_loopback:
        return  # checked first, as Python counts ::1 among the reserved ones
    if address.is_multicast or address.is_unspecified or address.is_reserved or str(address) == "255.255.255.255":
        raise InputError("bad-address", f"{host} is not one machine's address: give the receiver's own")
    if address.is_global:
        cure = "outputs are not encrypted and stay in the local network: use a VPN's address for a machine elsewhere"
        raise InputError("bad-address", f"{host} is in the Internet; {cure}")


def rate(value: object) -> float:
    """A rate, frames per second. Raises InputError "bad-rate"."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not MIN_RATE <= value <= MAX_RATE:
        raise InputError("bad-rate", f"rate: write a number from {MIN_RATE:g} to {MAX_RATE:g}")
    return float(value)


def _rate(text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        return rate(float(text))
    except ValueError as error:
        raise InputError("bad-rate", f"rate={text[:40]}: write a number from {MIN_RATE:g} to {MAX_RATE:g}") from error


def _options(scheme: str, query: list[tuple[str, str]]) -> dict[str, str]:
    known = ["rate", "mapping", "mirror", "session"]
    known += ["names"] if KINDS[scheme].names else []
    known += ["subject"] if scheme == "livelink" else []
    for key, _ in query:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            cure = f"did you mean {near[0]}?" if near else f"{scheme} knows {', '.join(known)}"
            raise InputError("bad-output", f"{key[:40]}: unknown option; {cure}")
    options = dict(query)
    if len(options) != len(query):
        raise InputError("bad-output", "an option is given twice: keep one")
    return options


def _read(address: Address, options: dict[str, str]) -> Address:
    mirror = options.pop("mirror", "0")
    if mirror not in ("0", "1"):
        raise InputError("bad-output", "mirror: write 1 or 0")
    for key, value in options.items():
        if key != "subject" and not _WORD.fullmatch(value):
            raise InputError("bad-output", f"{key}: write a name of letters, digits, spaces, - or _")
    return replace(
        address,
        names=options.get("names"),
        mapping=options.get("mapping"),
        mirror=mirror == "1",
        session=options.get("session"),
        subject=options.get("subject"),
    )
