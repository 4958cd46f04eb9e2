"""Receivers that ask: programs greet the phone app's port, and the frames go to whoever has greeted.

The app answers to its own port number on the machine that greeted, whatever port the greeting came from. A program on
this machine cannot have that port, which is ours, and is answered where it spoke.
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

from face3d_live.errors import InputError
from face3d_live.live.outputs.address import Address, check_host
from face3d_live.live.outputs.udp import OutputError, UdpLink, explain
from face3d_live.protocols import ifacialmocap
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

#: Of more, the one that greeted longest ago goes.
MAX_GREETERS = 8
#: Programs greet once and then listen as long as they run.
LASTS_SECONDS = 12 * 3600.0
#: One that refuses packets for so long has ended.
GONE_SECONDS = 10.0
#: A refusal shows with the packet after; so many in a row must go well before it is over.
CONFIRMED = 5

Where = tuple[str, int]


@dataclass
class Greeter:
    """v2: which version of the packets it asked for. refusing: since when it refuses packets."""

    v2: bool
    greeted: float
    socket: socket.socket = field(repr=False)
    refusing: float | None = None
    well: int = 0

    def over(self, now: float) -> bool:
        """Whether nothing is to be sent any more."""
        gone = self.refusing is not None and now - self.refusing > GONE_SECONDS
        return gone or now - self.greeted > LASTS_SECONDS

    def send(self, packet: bytes, now: float) -> bool:
        """Whether the system took the packet."""
        try:
            sent = UdpLink(self.socket).send(packet)
        except OutputError:
            self.well, self.refusing = 0, self.refusing or now
            return False
        self.well += 1
        if self.well > CONFIRMED:
            self.refusing = None
        return sent


class Greeters(asyncio.DatagramProtocol):
    """Who has greeted. `open` listens, on the event loop."""

    def __init__(self, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._port, self._clock = port, clock
        self._known: dict[Where, Greeter] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, address: Address, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Greeters]:
        """Listen for as long as the block runs. Raises OutputError."""
        greeters = cls(address.port, clock)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: greeters, local_addr=(address.host, address.port), family=socket.AF_INET
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise explain(error) from error
            cure = "give the receiver's own address instead of 0.0.0.0, or end the program that has it"
            raise OutputError("port-taken", f"port {address.port} of this machine is in use: {cure}") from error
        try:
            yield greeters
        finally:
            transport.close()
            for where in list(greeters._known):
                greeters._forget(where)

    @property
    def names(self) -> list[str]:
        """Who gets the frames, as host:port."""
        return [f"{host}:{port}" for host, port in self._known]

    def datagram_received(self, data: bytes, addr: Where) -> None:
        """A greeting, or something else, which is nobody's business."""
        version = ifacialmocap.greeting(data)
        if version is None:
            return
        try:
            check_host(addr[0])
        except InputError:
            logger.info("%s asks for the face from outside the local network and gets nothing", addr[0])
            return
        self._greet((addr[0], addr[1] if _is_this_machine(addr[0]) else self._port), version == 2)

    def send(self, frame: StreamFrame) -> int:
        """One frame to all; how many the system took."""
        now, sent = self._clock(), 0
        packets: dict[bool, bytes] = {}
        for where, greeter in list(self._known.items()):
            if greeter.over(now):
                logger.info("%s:%s no longer takes the face and gets it no more", *where)
                self._forget(where)
                continue
            if greeter.v2 not in packets:
                packets[greeter.v2] = ifacialmocap.encode(frame, greeter.v2)
            sent += greeter.send(packets[greeter.v2], now)
        return sent

    def _greet(self, where: Where, v2: bool) -> None:
        if where in self._known:
            self._forget(where)
        elif len(self._known) >= MAX_GREETERS:
            self._forget(next(iter(self._known)))
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            link.setblocking(False)
            link.connect(where)
        except OSError as error:
            logger.info("%s:%s asks for the face and cannot be reached: %s", *where, error)
            link.close()
            return
        self._known[where] = Greeter(v2, self._clock(), link)  # last in the order: the newest

    def _forget(self, where: Where) -> None:
        self._known.pop(where).socket.close()


def _is_this_machine(host: str) -> bool:
    """Only its own addresses can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
