"""What a cluster is told at its start. All of it is picklable, and reaches workers on other machines through Ray."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face3d_live.errors import InputError
from face3d_live.typing import Device, Precision


def _running_on(device: Device, precision: Precision, regressor: str) -> Mapping[str, Any]:
    from face3d_live.live.main import running_on

    return running_on(device, precision, regressor)


def engine_settings(device: Device, precision: Precision, regressor: str) -> Callable[[], Mapping[str, Any]]:
    """What makes the settings of `live.service.Settings` that name a network."""
    return functools.partial(_running_on, device, precision, regressor)


_USUAL = engine_settings("auto", "auto", "own")


@dataclass(frozen=True)
class WorkerOptions:
    """One worker. cpus, gpus: what Ray reserves for it. settings: makes those of `live.service.Settings` that name a
    network, in the worker. limits, ice_servers, media_ports: as on the command line of `face3d-live live`. takes: the
    folder of recordings on the worker's machine, by default in the data folder of its user.
    """

    cpus: float = 2.0
    gpus: float = 0.0
    settings: Callable[[], Mapping[str, Any]] = _USUAL
    limits: tuple[str, ...] = ()
    ice_servers: tuple[str, ...] = ()
    media_ports: str | None = None
    takes: Path | None = None


@dataclass(frozen=True)
class Size:
    """How many workers there are. least, most: None for as many as fit on the machines that are there."""

    least: int | None = None
    most: int | None = None

    @classmethod
    def parse(cls, text: str) -> Size:
        """`fill`, `N` or `LEAST-MOST`. Raises InputError "bad-option"."""
        if text == "fill":
            return cls()
        first, hyphen, last = text.partition("-")
        if not first.isdecimal() or (hyphen and not last.isdecimal()):
            raise InputError("bad-option", f"--workers {text[:20]!r}: write fill, a number, or LEAST-MOST such as 1-20")
        least, most = int(first), int(last if hyphen else first)
        if not 1 <= least <= most:
            raise InputError("bad-option", f"--workers {text[:20]!r}: at least 1, and the second not below the first")
        return cls(least, most)


@dataclass(frozen=True)
class ClusterOptions:
    """secret: what gateways and the controller show to workers. drain_seconds: after which a worker that is drained
    ends with the sessions that it still has. address_sessions: of one address, in the whole cluster.
    """

    worker: WorkerOptions
    secret: str
    size: Size = Size()
    drain_seconds: float = 60.0
    address_sessions: int = 6
