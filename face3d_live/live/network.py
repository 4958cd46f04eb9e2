"""The server's place in the network: the socket it listens on, who may come, its certificate, its addresses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from face3d_live.errors import InputError
from face3d_live.live import access, ice, tls
from face3d_live.live.access import Access
from face3d_live.live.hosts import parse_ip, without_brackets
from face3d_live.mapping.store import config_folder

Tls = Literal["off", "auto"]


@dataclass(frozen=True)
class NetworkOptions:
    """What the command line says of it; `cli.live` describes each."""

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    token_file: Path | None = None
    insecure: bool = False
    allow_hosts: Sequence[str] = ()
    frame_ancestors: Sequence[str] = ()
    tls: Tls = "off"
    cert: Path | None = None
    key: Path | None = None
    ice_servers: Sequence[str] = ()
    media_ports: str | None = None


@dataclass(frozen=True)
class Network:
    """listener: bound and listening. addresses: that WebRTC may bind, None: all of the machine's. media_ports: the
    first and the last UDP port that it may bind, None: any.

    tells_token: whether the printed address may show the token; one of a file or of the environment stays there.
    """

    host: str
    listener: socket.socket
    port: int
    access: Access
    certificate: tls.Certificate | None
    addresses: tuple[str, ...] | None
    ice_servers: tuple[ice.IceServer, ...]
    media_ports: tuple[int, int] | None
    tells_token: bool

    @property
    def scheme(self) -> str:
        """ "https" or "http"."""
        return "https" if self.certificate is not None else "http"

    def page_url(self) -> str:
        """Where this machine's own browser finds the page."""
        return page_url(self.scheme, self.host, self.port, self.access.token if self.tells_token else None)

    def other_urls(self) -> list[str]:
        """Where the network's other machines find it; none on the loopback or on one address."""
        if self.access.loopback or self.addresses is not None:
            return []
        token = self.access.token if self.tells_token else None
        version = 6 if self.listener.family == socket.AF_INET6 else 4
        found = [ip for ip in map(parse_ip, access.machine_addresses()) if ip is not None and ip.version == version]
        return [page_url(self.scheme, str(ip), self.port, token) for ip in found]


def prepare(options: NetworkOptions) -> Network:
    """Check all options, then listen. Raises InputError: "bad-token", "bad-option", "bad-host", "bad-cert", ..."""
    servers = ice.parse_all(options.ice_servers)
    ports = ice.parse_ports(options.media_ports)
    access.hide_arguments([options.token or "", *(text for text in options.ice_servers if "@" in text)])
    ancestors = access.checked_ancestors(options.frame_ancestors)
    listener = listen(options.host, options.port)
    try:
        bound = parse_ip(listener.getsockname()[0])
        loopback = bound is not None and bound.is_loopback
        hosts = access.allowed_hosts(options.host, options.allow_hosts, loopback)
        token, tells_token = access.find_token(options.token, options.token_file, loopback, options.insecure)
        return Network(
            host=options.host,
            listener=listener,
            port=listener.getsockname()[1],
            access=Access(token, loopback, hosts, ancestors),
            certificate=_certificate(options, Access(None, loopback, hosts)),
            addresses=access.implied_addresses(listener.getsockname()[0]),
            ice_servers=servers,
            media_ports=ports,
            tells_token=tells_token,
        )
    except BaseException:
        listener.close()
        raise


def _certificate(options: NetworkOptions, names: Access) -> tls.Certificate | None:
    given = options.cert, options.key
    if given != (None, None):
        if options.tls == "auto":
            raise InputError("bad-option", "--tls auto and --cert: give one of the two")
        if options.cert is None or options.key is None:
            raise InputError("bad-option", "--cert and --key belong together: give both")
        certificate = tls.Certificate(options.cert, options.key)
    elif options.tls == "auto":
        certificate = own_certificate(names)
    else:
        return None
    certificate.context()  # a wrong file is reported before the model loads
    return certificate


def own_certificate(names: Access) -> tls.Certificate:
    """The automatic certificate for the machine as it is now. Raises StorageError "tls-unwritable"."""
    addresses = () if names.loopback else access.machine_addresses()
    return tls.automatic(config_folder() / "tls", names.hosts, addresses)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError "port-taken", "port-forbidden" or "bad-host"."""
    address = parse_ip(host)
    if address is not None:  # the zone stays: a link-local address needs it
        host = host.strip("[]") if "%" in host else str(address)
    try:
        family, _, _, _, where = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((where[0], port, *where[2:]), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            cure = f"port {port} is in use: end the other program, or choose another with --port {port + 1}"
            raise InputError("port-taken", cure) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise InputError("port-forbidden", f"port {port} needs more rights: use one above 1023") from error
        raise InputError("bad-host", f"cannot listen on {host}: {error.strerror or error}") from error
    except (OverflowError, UnicodeError, ValueError) as error:
        if port not in range(65536):
            raise InputError("bad-port", f"{port} is no port: use 1 to 65535") from error
        raise InputError("bad-host", f"cannot listen on {host[:80]!r}: {error}") from error
    # A small send buffer, so that a client that stops reading is noticed after seconds, not after megabytes.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
    # Inherited by connections. asyncio sets it for sockets that name their protocol, which `create_server` does not:
    # a head and its body, or two messages of a stream, would wait 40 ms for each other's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def page_url(scheme: str, host: str, port: int | None, token: str | None) -> str:
    """The page's address, with the token in its fragment, which no browser sends. port None: the scheme's own."""
    name = str(parse_ip(host) or without_brackets(host))
    name = {"0.0.0.0": "localhost", "::": "localhost", "127.0.0.1": "localhost"}.get(name, name)
    name = f"[{name}]" if ":" in name else name
    place = name if port is None else f"{name}:{port}"
    return f"{scheme}://{place}/" + (f"#token={quote(token, safe='')}" if token else "")
