"""Which worker gets a session: the least loaded one that still keeps its frame rate. No I/O, no clock.

Load is measured, not counted. `busy` is the part of the engine's time that its sessions use: the sum of milliseconds a
picture times pictures a second. `kept` is the part of the cameras' pictures that were processed; the others were
replaced by newer ones. A worker has room where its mean session would still fit, and no picture is lost now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: An engine that is busier than this has no time for pictures that come unevenly.
MOST_BUSY = 0.9
#: Of the cameras' pictures. Some are lost at every start, and when a browser pauses.
LEAST_KEPT = 0.85
#: What a session is taken to cost before any was measured: a picture of 10 ms, 30 times a second.
USUAL_COST = 0.3


@dataclass(frozen=True)
class Load:
    """A worker, as it reported itself last.

    most: sessions that its limits allow. addresses: sessions by the clients' addresses. placed: sessions that were sent
    there and that its report does not show yet. newest: when its newest session began, by the controller's clock, and
    its id.
    """

    name: str
    url: str = ""
    node: str = ""
    ready: bool = False
    draining: bool = False
    sessions: int = 0
    most: int = 8
    busy: float = 0.0
    kept: float = 1.0
    jobs: int = 0
    placed: int = 0
    addresses: Mapping[str, int] = field(default_factory=dict)
    newest: tuple[float, str] | None = None

    @property
    def taken(self) -> int:
        """Sessions, with those that are on their way."""
        return self.sessions + self.placed

    def cost(self, usual: float = USUAL_COST) -> float:
        """What one more session adds to `busy`: the mean of those that are here, or what is usual."""
        return self.busy / self.sessions if self.sessions and self.busy > 0 else usual

    def expected(self, usual: float = USUAL_COST) -> float:
        """`busy`, with the sessions that are on their way."""
        return self.busy + self.placed * self.cost(usual)

    def has_room(self, usual: float = USUAL_COST) -> bool:
        """Whether one more session would keep its frame rate, and the others theirs. An empty worker takes one."""
        if not self.ready or self.draining or self.taken >= self.most:
            return False
        if self.taken == 0:
            return True
        return self.kept >= LEAST_KEPT and self.expected(usual) + self.cost(usual) <= MOST_BUSY

    def places(self, usual: float = USUAL_COST) -> int:
        """How many more sessions have room."""
        if not self.has_room(usual):
            return 0
        fit = int((MOST_BUSY - self.expected(usual)) / max(self.cost(usual), 1e-6))
        return max(1, min(self.most - self.taken, fit))


def usual_cost(workers: Iterable[Load]) -> float:
    """The mean cost of a session in the cluster; `USUAL_COST` before any was measured."""
    measured = [load for load in workers if load.sessions and load.busy > 0]
    total = sum(load.sessions for load in measured)
    return sum(load.busy for load in measured) / total if total else USUAL_COST


def choose(workers: Iterable[Load], without: Iterable[str] = ()) -> Load | None:
    """The worker for one more session; None where all are full. without: names that are not asked."""
    every = list(workers)
    usual, left_out = usual_cost(every), set(without)
    having_room = [load for load in every if load.name not in left_out and load.has_room(usual)]
    return min(having_room, key=lambda load: (load.expected(usual), load.taken, load.name), default=None)


def choose_any(workers: Iterable[Load], without: Iterable[str] = ()) -> Load | None:
    """The worker for a session that goes on and has lost its own: the least loaded one with a place, whether or not all
    pictures are kept there. A face that stutters for a while is better than none.
    """
    left_out = set(without)
    open_ones = [
        load
        for load in workers
        if load.name not in left_out and load.ready and not load.draining and load.taken < load.most
    ]
    return min(open_ones, key=lambda load: (load.expected(), load.taken, load.name), default=None)


def free_places(workers: Iterable[Load]) -> int:
    """Sessions that have room in the whole cluster."""
    every = list(workers)
    usual = usual_cost(every)
    return sum(load.places(usual) for load in every)


def of_address(workers: Iterable[Load], address: str) -> int:
    """How many sessions an address has in the whole cluster."""
    return sum(load.addresses.get(address, 0) for load in workers)
