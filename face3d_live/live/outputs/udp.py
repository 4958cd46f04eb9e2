"""A non-blocking UDP socket for outputs, name resolution, and errors in a user's terms."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator

from face3d_live.errors import InputError, OutputError
from face3d_live.live.outputs.address import Address, check_host

#: The system's error number -> code, message.
SYSTEM_ERRORS = {
    errno.ECONNREFUSED: ("not-listening", "nobody listens there: start the receiving program, or check its port"),
    errno.EHOSTUNREACH: ("unreachable", "the machine cannot be reached: check the address and the network"),
    errno.ENETUNREACH: ("unreachable", "the network cannot be reached: check the address"),
    errno.EACCES: ("bad-address", "the system does not allow sending there: give one machine's own address"),
}


def output_error(error: OSError) -> OutputError:
    """A system error as an `OutputError`."""
    code, cure = SYSTEM_ERRORS.get(error.errno or 0, ("unreachable", error.strerror or str(error) or "sending failed"))
    return OutputError(code, cure)


class UdpLink:
    """A connected datagram socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, packet: bytes) -> bool:
        """Send without waiting. False when the system's buffer is full. Raises OutputError."""
        try:
            self._socket.send(packet)
        except BlockingIOError:
            return False
        except OSError as error:
            raise output_error(error) from error
        return True


async def resolve(address: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The receiver's address family and address, checked after name resolution. Raises OutputError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(5):
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise OutputError("unknown-host", f"no machine is called {address.host!r}: check the name") from error
    # IPv4 is preferred: receivers of face trackers listen on it.
    family, _, _, _, where = min(found, key=lambda item: item[0] != socket.AF_INET)
    try:
        check_host(str(where[0]).partition("%")[0])
    except InputError as error:
        raise OutputError(error.code, error.message) from error
    return family, (str(where[0]), address.port)


@contextlib.asynccontextmanager
async def open_udp(address: Address) -> AsyncIterator[UdpLink]:
    """A link for as long as the block runs. Raises OutputError."""
    family, where = await resolve(address)
    with socket.socket(family, socket.SOCK_DGRAM) as connected:
        connected.setblocking(False)
        try:
            connected.connect(where)
        except OSError as error:
            raise output_error(error) from error
        yield UdpLink(connected)
