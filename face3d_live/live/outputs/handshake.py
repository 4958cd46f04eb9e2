"""Handshake receivers: programs that ask for frames by a handshake to the phone app's port, and get them from then on.

The app sends to its own port number on the machine that the handshake came from, whatever port that came from. A
program on this machine cannot bind that port, which is ours, so it is answered at the port that it sent from.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from face3d_live.errors import InputError, OutputError
from face3d_live.live.outputs.address import Address, check_host
from face3d_live.live.outputs.udp import UdpLink, output_error
from face3d_live.protocols import ifacialmocap
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

#: With more, the one whose handshake is oldest is dropped.
MAX_RECEIVERS = 8
#: A receiver is dropped so long after its handshake: programs make one, and then listen as long as they run.
EXPIRE_SECONDS = 12 * 3600.0
#: A receiver that refuses packets for so long is dropped.
REFUSING_SECONDS = 10.0
#: A refusal shows at the packet after it, so this many in a row must be accepted before it is over.
CONFIRMED = 5

HostPort = tuple[str, int]


@dataclass
class Receiver:
    """v2: it asked for version 2 of the packets.

    since: time of its handshake. refusing_since: None while it accepts.
    """

    v2: bool
    since: float
    socket: socket.socket = field(repr=False)
    refusing_since: float | None = None
    accepted: int = 0

    def is_expired(self, now: float) -> bool:
        """Whether nothing is to be sent any more."""
        gone = self.refusing_since is not None and now - self.refusing_since > REFUSING_SECONDS
        return gone or now - self.since > EXPIRE_SECONDS

    def send(self, packet: bytes, now: float) -> bool:
        """Whether the system took the packet."""
        try:
            sent = UdpLink(self.socket).send(packet)
        except OutputError:
            self.accepted, self.refusing_since = 0, self.refusing_since or now
            return False
        self.accepted += 1
        if self.accepted > CONFIRMED:
            self.refusing_since = None
        return sent


class HandshakeReceivers(asyncio.DatagramProtocol):
    """The receivers that have made a handshake. `open` listens for handshakes, on the event loop."""

    def __init__(self, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._port, self._clock = port, clock
        self._receivers: dict[HostPort, Receiver] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, address: Address, clock: Callable[[], float] = time.monotonic
    ) -> AsyncIterator[HandshakeReceivers]:
        """Listen for as long as the block runs. Raises OutputError."""
        receivers = cls(address.port, clock)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: receivers, local_addr=(address.host, address.port), family=socket.AF_INET
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise output_error(error) from error
            cure = "give the receiver's own address instead of 0.0.0.0, or end the program that has it"
            raise OutputError("port-taken", f"port {address.port} of this machine is in use: {cure}") from error
        try:
            yield receivers
        finally:
            transport.close()
            receivers.close()

    def close(self) -> None:
        """Drop all receivers."""
        for where in list(self._receivers):
            self._drop(where)

    @property
    def names(self) -> list[str]:
        """The receivers as host:port."""
        return [f"{host}:{port}" for host, port in self._receivers]

    def datagram_received(self, data: bytes, addr: HostPort) -> None:
        """A handshake adds its sender; other datagrams are ignored."""
        version = ifacialmocap.handshake_version(data)
        if version is None:
            return
        try:
            check_host(addr[0])
        except InputError:
            logger.info("a handshake of %s, outside the local network, is ignored", addr[0])
            return
        self._add((addr[0], addr[1] if is_this_machine(addr[0]) else self._port), version == 2)

    def send(self, frame: StreamFrame) -> int:
        """Send a frame to all. Returns how many packets the system took."""
        now, sent = self._clock(), 0
        packets: dict[bool, bytes] = {}
        for where, receiver in list(self._receivers.items()):
            if receiver.is_expired(now):
                logger.info("%s:%s takes no frames any more and is dropped", *where)
                self._drop(where)
                continue
            if receiver.v2 not in packets:
                packets[receiver.v2] = ifacialmocap.encode(frame, receiver.v2)
            sent += receiver.send(packets[receiver.v2], now)
        return sent

    def _add(self, where: HostPort, v2: bool) -> None:
        if where in self._receivers:
            self._drop(where)
        elif len(self._receivers) >= MAX_RECEIVERS:
            self._drop(next(iter(self._receivers)))
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            link.setblocking(False)
            link.connect(where)
        except OSError as error:
            logger.info("%s:%s made a handshake and cannot be reached: %s", *where, error)
            link.close()
            return
        self._receivers[where] = Receiver(v2, self._clock(), link)  # last in the order: the newest

    def _drop(self, where: HostPort) -> None:
        self._receivers.pop(where).socket.close()


def is_this_machine(host: str) -> bool:
    """Only addresses of this machine can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
