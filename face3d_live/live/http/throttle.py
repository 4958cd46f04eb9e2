"""Throttling of wrong tokens: an address that has offered too many is refused for a while, right or wrong."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from face3d_live.live.hosts import parse_ip

#: So many wrong tokens within so many seconds, then none is compared until the oldest of them is that old.
WRONG = 10
SECONDS = 60.0
#: Addresses remembered; the one heard of least lately is forgotten first.
REMEMBERED = 4096


class Throttle:
    """Counts wrong tokens by address: IPv6 addresses by their /64, which one machine has to itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        """Addresses remembered."""
        return len(self._wrong)

    def wait(self, address: str) -> float:
        """Seconds until a token of this address is compared again; 0: at once."""
        times = self._wrong.get(_group(address))
        if times is None or len(times) < WRONG:
            return 0.0
        return max(0.0, times[0] + SECONDS - self._clock())

    def wrong(self, address: str) -> None:
        """A wrong token came from this address."""
        group = _group(address)
        self._wrong.setdefault(group, deque(maxlen=WRONG)).append(self._clock())
        self._wrong.move_to_end(group)
        if len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)


def _group(address: str) -> str:
    ip = parse_ip(address)
    return f"{int(ip) >> 64:x}::/64" if ip is not None and ip.version == 6 else str(ip or address)
