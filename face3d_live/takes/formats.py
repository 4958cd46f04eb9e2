"""Reading and exporting takes by the suffix of the file name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from face3d_live.errors import ConflictError, InputError
from face3d_live.takes.files import save
from face3d_live.takes.jsonl import Encoder
from face3d_live.takes.livelink_csv import csv_text
from face3d_live.takes.model import Take
from face3d_live.takes.npz import npz_bytes, read_npz
from face3d_live.takes.reader import load


def load_take(path: str | os.PathLike[str]) -> Take:
    """A take from a recording (.jsonl), or from an .npz of `face3d-live track` or `record`.

    Raises InputError: "missing-take", "not-a-take", "take-too-long".
    """
    path = Path(path)
    return read_npz(path) if path.suffix.lower() == ".npz" else load(path)


def jsonl_bytes(take: Take) -> bytes:
    """The recording file of a take."""
    encoder = Encoder()
    lines = [encoder.header(take.header), *(encoder.record(record) for record in take.records())]
    return "".join(lines).encode()


def _bvh(take: Take) -> bytes:
    from face3d_live.head.model import Head
    from face3d_live.takes.bvh import bvh_text

    return bvh_text(take, Head.load().eye_positions(take.identity)).encode()


def _glb(take: Take) -> bytes:
    from face3d_live.takes.default_head import take_glb

    return take_glb(take)


def _vrma(arkit: bool) -> Callable[[Take], bytes]:
    def made(take: Take) -> bytes:
        from face3d_live.takes.vrma import vrma_bytes

        return vrma_bytes(take, arkit)

    return made


#: Formats that are made in memory within seconds. Slow imports happen on first use.
QUICK: dict[str, Callable[[Take], bytes]] = {
    ".jsonl": jsonl_bytes,
    ".npz": npz_bytes,
    ".csv": lambda take: csv_text(take).encode(),
    ".bvh": _bvh,
    ".glb": _glb,
    ".vrma": _vrma(arkit=False),
    ".arkit.vrma": _vrma(arkit=True),
}
#: Video formats are rendered frame by frame and take longer.
VIDEO_SUFFIXES = (".mp4", ".webm")


def suffix_of(path: Path) -> str:
    """The suffix that names the format, in lower case. ".arkit.vrma" is one suffix."""
    two = "".join(path.suffixes[-2:]).lower()
    return two if two in QUICK else path.suffix.lower()


def to_bytes(take: Take, suffix: str) -> bytes:
    """A take in one of the quick formats. Raises InputError: "unknown-format", "empty-take"."""
    if suffix not in QUICK:
        raise InputError("unknown-format", f"no format is called {suffix or 'nothing'}: choose {', '.join(QUICK)}")
    if not len(take):
        raise ConflictError("empty-take", "the take holds no frame: record it again")
    return QUICK[suffix](take)


def save_take(take: Take, out: str | os.PathLike[str]) -> None:
    """Write a take in the format of the suffix: .jsonl, .npz, .csv, .bvh, .glb, .vrma or .arkit.vrma.

    Raises InputError: "unknown-format", "empty-take", "takes-unwritable", "disk-full".
    """
    out = Path(out)
    save(out, to_bytes(take, suffix_of(out)))
