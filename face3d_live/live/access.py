"""Who may use the server: its token, where that comes from, and the host names that requests may carry."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import ifaddr

from face3d_live.errors import InputError
from face3d_live.live.hosts import is_loopback, parse_ip, without_brackets

#: The environment variable that may hold the token.
TOKEN_VARIABLE = "FACE3D_TOKEN"
MAX_TOKEN = 200
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class Access:
    """Who may use the server.

    token: needed for everything but the page's files; None: no token is needed. Raises InputError "bad-token".
    loopback: the server is bound to the loopback address alone.
    hosts: names in lower case that the Host header may carry besides the loopback's.
    frame_ancestors: origins whose pages may show `/view` in a frame.
    """

    token: str | None = None
    loopback: bool = True
    hosts: frozenset[str] = frozenset()
    frame_ancestors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is not None:
            checked_token(self.token, "the token")

    def allows_host(self, host: str) -> bool:
        """Whether a Host header's name or address, without a port, may be this server's.

        Off the loopback every address passes: DNS rebinding needs a name.
        """
        name = host.lower().rstrip(".")
        if is_loopback(host) or name in self.hosts:
            return True
        return not self.loopback and parse_ip(host) is not None


def checked_token(token: str, what: str) -> str:
    """The token. Raises InputError "bad-token" for one that is empty, blank, too long, or cannot be typed."""
    if not token.strip():
        raise InputError("bad-token", f"{what} is empty: give a secret of some 20 letters and digits, or leave it out")
    if len(token) > MAX_TOKEN or not token.isprintable() or token != token.strip() or max(token) > "\xff":
        # No browser puts a character beyond Latin-1 into a header.
        raise InputError("bad-token", f"{what}: write 1 to {MAX_TOKEN} letters, digits and signs on one line")
    return token


def find_token(token: str | None, file: Path | None, loopback: bool, insecure: bool) -> tuple[str | None, bool]:
    """The token: that given, of the file, of the environment; off the loopback one is made unless `insecure`.

    Returns the token and whether it may be printed: that of a file or of the environment stays there. The variable is
    removed from the environment, so that no child process inherits it. Raises InputError "bad-token", "bad-option".
    """
    inherited = os.environ.pop(TOKEN_VARIABLE, None)
    if token is not None and file is not None:
        raise InputError("bad-option", "--token and --token-file: give one of the two")
    if token is not None:
        found: str | None = checked_token(token, "--token")
    elif file is not None:
        found = _from_file(file)
    else:
        found = checked_token(inherited, TOKEN_VARIABLE) if inherited is not None else None
    if found is not None and insecure:
        raise InputError("bad-option", "--insecure means without a token, and one is given: leave one of them out")
    if found is None and not loopback and not insecure:
        return secrets.token_urlsafe(18), True
    return found, token is not None


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(4 * MAX_TOKEN + 2)
        text = data.decode()
    except OSError as error:
        cure = "check --token-file"
        raise InputError("bad-token", f"{file} cannot be read ({error.strerror or error}): {cure}") from error
    except UnicodeDecodeError as error:
        raise InputError("bad-token", f"{file} is not UTF-8 text: write the token alone into it") from error
    return checked_token(text.removesuffix("\n").removesuffix("\r"), str(file))


def hide_arguments(values: Iterable[str]) -> None:
    """Overwrite arguments, or values after a `=`, on this process's command line, which `ps` shows to every user.

    Linux keeps the command line in the process's own memory; proc(5) has its address. Where that cannot be read,
    nothing is done.
    """
    try:
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: fields 48 and 49 of proc(5)
        line = Path("/proc/self/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    if not 0 < start < end or len(line) > end - start:
        return
    hidden = {os.fsencode(value) for value in values} - {b""}
    at = start
    for argument in line.split(b"\0"):
        for secret in hidden:
            if argument == secret or argument.endswith(b"=" + secret):
                ctypes.memset(at + len(argument) - len(secret), ord("x"), len(secret))
        at += len(argument) + 1


# --- names and addresses ----------------------------------------------------------------------------------------------


def allowed_hosts(host: str, given: Iterable[str], loopback: bool) -> frozenset[str]:
    """The names that the Host header may carry: those given; off the loopback also this machine's and `host` itself.

    Nothing is looked up. Raises InputError "bad-host" for what is no host name.
    """
    named = frozenset(map(_checked_name, given))
    return named if loopback else named | {*machine_names(), without_brackets(host).lower().rstrip(".")}


def _checked_name(given: str) -> str:
    name = without_brackets(given).lower().rstrip(".")
    address = parse_ip(given)
    if address is not None:
        return str(address)
    if not _NAME.fullmatch(name):
        cure = "write a name alone, such as face.example.org, without http:// and port"
        raise InputError("bad-host", f"--allow-host {given[:80]!r}: {cure}")
    return name


def machine_names() -> tuple[str, ...]:
    """This machine's own names, its mDNS name (`.local`) included, without asking any resolver."""
    name = socket.gethostname().lower().rstrip(".")
    first = name.partition(".")[0]
    return tuple(dict.fromkeys(each for each in (name, first, f"{first}.local") if _NAME.fullmatch(each)))


def machine_addresses() -> tuple[str, ...]:
    """This machine's addresses but the loopback and IPv6 link-local ones, those of the default route first."""
    found: dict[str, None] = {}
    main = _default_interface()
    for adapter in sorted(ifaddr.get_adapters(), key=lambda adapter: adapter.name != main):
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if not address.is_loopback and not (address.version == 6 and address.is_link_local):
                found[str(address)] = None
    return tuple(found)


def _default_interface() -> str | None:
    """The interface that leads out, from proc(5)'s IPv4 routes; None where there is none."""
    try:
        rows = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    except OSError:
        return None
    return next((row[0] for row in rows if len(row) > 1 and row[1] == "00000000"), None)


def implied_addresses(host: str) -> tuple[str, ...] | None:
    """The addresses that listening on the address `host` opens; None for all of the machine's of its family."""
    address = parse_ip(host)
    if address is None or address.is_unspecified:
        return None
    return (without_brackets(host) if address.is_link_local else str(address),)


def checked_ancestors(origins: Iterable[str]) -> tuple[str, ...]:
    """Origins for `frame-ancestors`: `https://example.org`, with a port perhaps, or `*`. Raises InputError."""
    found = []
    for origin in origins:
        parts = urlsplit(origin) if origin.isascii() and origin.isprintable() else urlsplit("")
        bare = f"{parts.scheme}://{parts.netloc}"
        sound = parts.scheme in ("http", "https") and re.fullmatch(r"[A-Za-z0-9._\-\[\]:*]+", parts.netloc)
        if origin != "*" and not (sound and origin.rstrip("/") == bare):
            raise InputError("bad-option", f"--frame-ancestors {origin[:80]!r}: write an origin, https://example.org")
        found.append("*" if origin == "*" else bare)
    return tuple(found)
