"""The metrics of all workers in one text, each sample with the label `worker`, and the gateway's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from face3d_live.cluster.placement import Load


class GatewayMetrics:
    """What this gateway counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.placed = Counter("face3d_gateway_placed", "Sessions given to a worker", registry=r)
        self.refused = Counter("face3d_gateway_refused", "Sessions that no worker took", registry=r)
        self.resumed = Counter("face3d_gateway_resumed", "Sessions that went on with another worker", registry=r)
        self.workers = Gauge("face3d_gateway_workers", "Workers, by state", ["state"], registry=r)
        self.busy = Gauge("face3d_worker_busy", "Part of the engine's time that is used", ["worker"], registry=r)
        self.kept = Gauge(
            "face3d_worker_kept", "Part of the cameras' pictures that is processed", ["worker"], registry=r
        )

    def text(self, loads: Iterable[Load]) -> bytes:
        """The exposition format."""
        states = {"ready": 0, "draining": 0, "starting": 0}
        self.busy.clear()
        self.kept.clear()
        for load in loads:
            states["draining" if load.draining else "ready" if load.ready else "starting"] += 1
            self.busy.labels(load.name).set(load.busy)
            self.kept.labels(load.name).set(load.kept)
        for state, count in states.items():
            self.workers.labels(state).set(count)
        return generate_latest(self.registry)


def merged(texts: Mapping[str, str]) -> bytes:
    """One text of several. texts: by worker. A family is described once, as the first one does."""
    return generate_latest(_Merged(texts))


class _Merged(Collector):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for worker, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                known.samples += [
                    Sample(one.name, {"worker": worker, **one.labels}, one.value, one.timestamp)
                    for one in family.samples
                ]
        yield from families.values()
