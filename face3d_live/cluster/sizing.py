"""How many workers there shall be.

Without bounds as many as fit on the machines that are there. With bounds one more than the sessions need: a worker that
Ray finds no place for is what makes its autoscaler start a machine; one that has been empty for long ends, and the
autoscaler takes the machine away.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import ray

from face3d_live.cluster import placement
from face3d_live.cluster.options import Size, WorkerOptions
from face3d_live.cluster.placement import Load

#: With fewer free places than this another worker is started.
SPARE_PLACES = 2
#: Where one whole worker is free beside an empty one for so long, the empty one ends.
EMPTY_SECONDS = 300.0
#: A worker that has not said where it is for so long has found no machine.
UNPLACED_SECONDS = 30.0


def machines(options: WorkerOptions) -> Mapping[str, int]:
    """Node id -> how many workers it can hold."""
    found = {}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["Alive"]:
            resources = node["Resources"]
            fit = resources.get("CPU", 0.0) // options.cpus if options.cpus else float("inf")
            if options.gpus:
                fit = min(fit, resources.get("GPU", 0.0) // options.gpus)
            found[node["NodeID"]] = int(min(fit, 1000))
    return found


class Sizing:
    """size: the bounds."""

    def __init__(self, size: Size, clock: Callable[[], float] = time.monotonic) -> None:
        self.size = size
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._spare_since: float | None = None
        self._unplaced: dict[str, float] = {}

    def hold(self, node: str) -> None:
        """A worker of this machine is drained for good: its place stays empty."""
        self._held[node] += 1

    def wanted(self, loads: Sequence[Load], nodes: Mapping[str, int]) -> int:
        """How many workers there shall be. nodes: of `machines`."""
        if self.size.least is None or self.size.most is None:
            return sum(max(0, fit - self._held[node]) for node, fit in nodes.items())
        staying = [load for load in loads if not load.draining]
        wanted = max(len(staying), self.size.least)
        coming = any(not load.ready for load in staying)
        empty = [load for load in staying if load.ready and load.taken == 0]
        if len(empty) < 2 or coming:
            self._spare_since = None
        elif self._spare_since is None:
            self._spare_since = self._clock()
        if staying and placement.free_places(staying) < SPARE_PLACES and not coming:
            wanted += 1
        elif self._spare_since is not None and self._clock() - self._spare_since > EMPTY_SECONDS:
            self._spare_since = self._clock()
            wanted -= 1
        return min(max(wanted, self.size.least), self.size.most)

    def surplus(self, staying: Sequence[Load], wanted: int) -> list[Load]:
        """Which workers shall end: those that found no machine, and empty ones where the size is bounded."""
        now = self._clock()
        self._unplaced = {load.name: self._unplaced.get(load.name, now) for load in staying if not load.url}
        too_many = max(0, len(staying) - wanted)
        if self.size.least is None:
            old = [load for load in staying if not load.url and now - self._unplaced[load.name] > UNPLACED_SECONDS]
            return old[:too_many]
        return sorted((load for load in staying if load.taken == 0), key=lambda load: bool(load.url))[:too_many]
