"""From a mapped frame to the packets of a format that goes over UDP."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from face3d_live.live.outputs.address import Address
from face3d_live.mapping.apply import Mapped
from face3d_live.protocols import ifacialmocap, live_link, openseeface, vmc, vtube_studio
from face3d_live.protocols.clock import ClockTime

#: Seconds by which an OpenSeeFace packet is newer than the one before.
MIN_STEP = 1e-3

Encode = Callable[[Mapped], list[bytes]]


def prepare(kind: str) -> None:
    """Load what a format's encoder needs. Takes a third of a second once, so it must not run on the event loop."""
    if kind == "osf":
        average_face()


@cache
def average_face() -> openseeface.Face:
    """The points of the average head."""
    from face3d_live.head.model import Head

    head = Head.load()
    rest, basis = head.landmarks68(head.template), head.landmarks68(head.expression_basis)
    return openseeface.Face(rest, basis, head.eye_centers)


def _openseeface() -> Encode:
    """Receivers ignore packets that are not newer than the last one, so the times are the clock's, whatever the
    session.
    """
    now, last = ClockTime(time.time), 0.0

    def encode(mapped: Mapped) -> list[bytes]:
        nonlocal last
        last = max(now(mapped.frame), last + MIN_STEP)
        packet = openseeface.encode(replace(mapped.frame, t=last), average_face())
        return [] if packet is None else [packet]

    return encode


def make_encoder(address: Address, names: Sequence[str]) -> Encode | None:
    """The encoder of an address's format; None for a plugin, which has its own connection.

    Raises ValueError for names or a subject that the format does not take.
    """
    match address.kind:
        case "vmc":
            encoder = vmc.Encoder(names)
            return lambda mapped: encoder.encode(mapped.frame, mapped.values.tolist())
        case "livelink":
            face = live_link.Encoder(address.subject if address.subject is not None else "Face3D", address.rate)
            return lambda mapped: [face.encode(mapped.frame)]
        case "ifacialmocap":
            return lambda mapped: [ifacialmocap.encode(mapped.frame)]
        case "osf":
            return _openseeface()
        case "vts":
            vtube_studio.Plugin(names)
            return None
    raise ValueError(f"no encoder for {address.kind}")
