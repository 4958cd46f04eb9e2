"""Prometheus metrics of the server. One registry per application, so that two in a process do not mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from face3d_live.live.outputs.output import Output

_MS = (5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 250, 500, 1000)


class Metrics:
    """All metrics of the server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.frames = Counter("face3d_frames", "Pictures processed", registry=r)
        self.dropped = Counter("face3d_frames_dropped", "Pictures replaced by newer ones before processing", registry=r)
        self.failed = Counter("face3d_frames_failed", "Pictures whose processing raised an error", registry=r)
        self.sessions_opened = Counter("face3d_sessions_opened", "Sessions ever opened", registry=r)
        self.sessions = Gauge("face3d_sessions", "Sessions open now", registry=r)
        self.fps = Gauge("face3d_fps", "Pictures processed per second, by session", ["session"], registry=r)
        self.stage_ms = Histogram("face3d_stage_ms", "Milliseconds by stage", ["stage"], buckets=_MS, registry=r)
        self.stream_clients = Gauge("face3d_stream_clients", "Clients of the expression stream", registry=r)
        self.stream_dropped = Gauge("face3d_stream_clients_dropped", "Stream clients dropped as too slow", registry=r)
        self.engine_restarts = Gauge("face3d_engine_restarts", "Times the engine process died", registry=r)
        self.engine_ready = Gauge("face3d_engine_ready", "1 while the engine is ready", registry=r)
        supervised = "1 while the engine's supervising thread does its work"
        self.engine_supervised = Gauge("face3d_engine_supervised", supervised, registry=r)
        self.quarantined = Gauge("face3d_quarantined", "Times a session lost what had stopped the engine", registry=r)
        self.task_restarts = Gauge("face3d_task_restarts", "Times a task was started again", ["task"], registry=r)
        ends = "Processes for tasks that were ended or ended themselves"
        self.process_ends = Gauge("face3d_process_ends", ends, ["process"], registry=r)
        self.connections = Gauge("face3d_connections", "TCP connections open now", registry=r)
        refused = "TCP connections refused for lack of room"
        self.connections_refused = Gauge("face3d_connections_refused", refused, registry=r)
        timed_out = "TCP connections closed because they took too long"
        self.connections_timed_out = Gauge("face3d_connections_timed_out", timed_out, registry=r)
        labels = ["output", "kind"]
        self.output_packets = Gauge("face3d_output_packets", "Packets sent, by output", labels, registry=r)
        self.output_failing = Gauge("face3d_output_failing", "1 while the receiver is away", labels, registry=r)
        self.photos = Counter("face3d_photos", "Photos made into heads", registry=r)
        failed = "Photos refused or failed, by cause"
        self.photo_failures = Counter("face3d_photo_failures", failed, ["cause"], registry=r)

    def update_tasks(self, restarts: Mapping[str, int]) -> None:
        """Set the gauges of the tasks that the server lives on."""
        for task, count in restarts.items():
            self.task_restarts.labels(task).set(count)

    def update_outputs(self, outputs: Iterable[Output]) -> None:
        """Set the gauges of the outputs."""
        for gauge in (self.output_packets, self.output_failing):
            gauge.clear()
        for output in outputs:
            self.output_packets.labels(output.id, output.address.kind).set(output.packets)
            self.output_failing.labels(output.id, output.address.kind).set(output.state == "failing")

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
