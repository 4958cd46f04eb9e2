"""The addresses that ICE binds and offers, and whom the sockets there listen to."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import aioice.ice
from aioice.ice import Connection, StunProtocol

from face3d_live.live.hosts import is_loopback
from face3d_live.live.webrtc import sdp

host_addresses = aioice.ice.get_host_addresses


class Bindable(NamedTuple):
    """addresses: that may be bound; None: all of the machine's. own_machine: all of the machine's besides, whose
    sockets hear nobody but this machine. ports: the first and the last that may be bound; None: any.
    """

    addresses: tuple[str, ...] | None = None
    own_machine: bool = False
    ports: tuple[int, int] | None = None


#: For connections made in this context.
_bindable: ContextVar[Bindable | None] = ContextVar("bindable", default=None)


@contextmanager
def binding(
    addresses: tuple[str, ...] | None, own_machine: bool = False, ports: tuple[int, int] | None = None
) -> Iterator[None]:
    """ICE candidates gathered in the block are of these addresses and ports alone: see `Bindable`."""
    token = _bindable.set(Bindable(addresses, own_machine, ports))
    try:
        yield
    finally:
        _bindable.reset(token)


def ice_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The addresses to bind: those of `binding`, else the machine's, the loopback address when it has no other."""
    chosen = _bindable.get() or Bindable()
    if chosen.addresses is None:
        return host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]
    more = host_addresses(use_ipv4, use_ipv6) if chosen.own_machine else []
    return [*chosen.addresses, *(address for address in more if address not in chosen.addresses)]


def needs_own_machine(addresses: tuple[str, ...] | None, offer: str) -> bool:
    """Whether an offer's browser finds none of these addresses acceptable: a Firefox ignores loopback addresses."""
    return bool(addresses) and all(map(is_loopback, addresses or ())) and sdp.is_of_firefox(offer)


def limit_ports(loop: asyncio.AbstractEventLoop) -> None:
    """Have ICE's sockets of this loop bind the ports of `binding`: aioice asks the loop for any free one."""
    create: Callable[..., Awaitable[Any]] = loop.create_datagram_endpoint

    async def create_in_range(
        protocol: Callable[[], Any], local_addr: tuple[str, int] | None = None, **options: Any
    ) -> Any:
        """Raises OSError where all ports of the range are taken at this address."""
        ports = (_bindable.get() or Bindable()).ports
        if local_addr is None or local_addr[1] or ports is None:
            return await create(protocol, local_addr=local_addr, **options)
        choice = list(range(ports[0], ports[1] + 1))
        random.shuffle(choice)  # several servers of a machine share the range
        for port in choice:
            try:
                return await create(protocol, local_addr=(local_addr[0], port), **options)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, f"all media ports from {ports[0]} to {ports[1]} are taken")

    loop.create_datagram_endpoint = create_in_range  # type: ignore[method-assign, assignment]


class FilteringStunProtocol(StunProtocol):
    """Drops what comes from other machines, where `binding` said so.

    Kernels let no packet in from the network that carries an address of the machine itself (RFC 1812, section 5.3.7);
    beyond that, ICE asks for the session's password.
    """

    def __init__(self, receiver: Connection) -> None:
        super().__init__(receiver)
        chosen = _bindable.get() or Bindable()
        self._senders = frozenset(ice_addresses(True, True)) if chosen.own_machine else None

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """A packet (bytes) and its sender."""
        if self._senders is None or addr[0] in self._senders:
            super().datagram_received(data, addr)
