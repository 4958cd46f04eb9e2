"""Host names and IP addresses as users, browsers and resolvers write them, and which of them are the loopback."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

#: Names of the loopback address in /etc/hosts files, besides those that end in .localhost (RFC 6761).
_NAMES = frozenset(
    {"localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "localhost.localdomain",
     "localhost4.localdomain4", "localhost6.localdomain6"}
)  # fmt: skip
#: IPv4 as the C library reads it: one to four numbers, decimal, octal or hexadecimal.
_SHORT = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)(\.(0[xX][0-9a-fA-F]+|[0-9]+)){0,3}")


def without_brackets(host: str) -> str:
    """A host without the brackets of an IPv6 address in a URL, and without its zone (`%eth0`)."""
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return inner.partition("%")[0]


def parse_ip(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, None for a name. An IPv4 address inside an IPv6 one (::ffff:1.2.3.4) is IPv4."""
    try:
        address = ip_address(without_brackets(host))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, is this machine's own loopback."""
    name = host.lower().rstrip(".")
    if name in _NAMES or name.endswith(".localhost"):
        return True
    address = parse_ip(host)
    if address is None and _SHORT.fullmatch(host):
        try:
            address = IPv4Address(socket.inet_aton(host))
        except OSError:
            return False
    return address is not None and address.is_loopback
