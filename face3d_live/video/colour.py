"""Conversion of frames to sRGB: by matrix and range, and from HDR and wide gamuts by a 3D lookup table.

HDR10 and HLG are brought to SDR with 203 nits, HDR's reference white (ITU-R BT.2408), as the brightest white. Below
about 90 nits nothing changes, so skin is as bright as SDR cameras show it; above, the curve of ITU-R BT.2390, annex 5
(the "EETF"), rolls off to `PEAK`. The curve is worked out for the largest of R, G and B and scales all three, which
keeps hues. What lies outside BT.709 is clipped.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from face3d_live.typing import Array64

#: Nits: SDR's white, and what is assumed to be the brightest of any HDR video (a phone's HLG, most HDR10).
WHITE, PEAK = 203.0, 1000.0
#: Samples of the table along each axis: between them the error is below half a level of 255.
_SIDE = 33
#: ITU-T H.273, in its lists of primaries, transfer characteristics and matrix coefficients.
_UNKNOWN = 2
BT709, BT2020, DISPLAY_P3 = 1, 9, 12
SRGB, PQ, HLG = 13, 16, 18
_BT2020_MATRICES, _DERIVED_MATRICES = (9, 10, 14), (12, 13)
_SCALERS_MATRICES, _RANGES = (0, 1, 2, 4, 5, 6, 7, 9), (1, 2)
_HDR = (PQ, HLG)
#: Chromaticities x, y of red, green and blue; all with a white of D65. Source: ITU-T H.273, table 2.
_PRIMARIES = {
    BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    DISPLAY_P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)


@dataclass(frozen=True)
class Colours:
    """The declared colour properties of a stream or a frame, in the numbers of ITU-T H.273."""

    matrix: int
    range: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, declared: Any) -> Colours:
        """Of a frame or a codec context."""
        return cls(
            int(declared.colorspace), int(declared.color_range), int(declared.color_primaries), int(declared.color_trc)
        )

    def table(self) -> tuple[int, int] | None:
        """(transfer, primaries) that `table_of` has to bring to sRGB, or None where that is near enough."""
        primaries = self.primaries
        if primaries == _UNKNOWN and (self.transfer in _HDR or self.matrix in _BT2020_MATRICES):
            primaries = BT2020
        if self.transfer in _HDR:
            return self.transfer, primaries if primaries in _PRIMARIES else BT2020
        wide = primaries in _PRIMARIES and primaries != BT709
        return (SRGB, primaries) if wide else None


class ColourMapper:
    """Frames of one stream to RGB. declared: the container's properties, for frames without their own."""

    def __init__(self, declared: Colours) -> None:
        self._declared = declared
        self._scaler, self._narrower = VideoReformatter(), VideoReformatter()  # each keeps what it has worked out
        self._graphs: dict[tuple[int, ...], Graph] = {}

    def rgb(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:  # -> (height, width, 3)
        """The picture in sRGB, scaled to a size."""
        declared = self._fill_in(frame)
        table = declared.table()
        if table is None:
            return np.asarray(self._scaler.reformat(frame, width, height, "rgb24").to_ndarray(), np.uint8)
        deep = self._scaler.reformat(frame, width, height, "gbrp16le")
        deep.colorspace, deep.pts, deep.time_base = 0, 0, Fraction(1)
        key = (*table, width, height)
        if key not in self._graphs:
            self._graphs = {key: _graph(*table, deep)}
        graph = self._graphs[key]
        graph.push(deep)
        mapped = graph.pull()
        assert isinstance(mapped, VideoFrame)
        return np.asarray(self._narrower.reformat(mapped, format="rgb24").to_ndarray(), np.uint8)

    def _fill_in(self, frame: VideoFrame) -> Colours:
        """The frame's colour properties, completed; those that FFmpeg's scaler needs are set on the frame."""
        declared, known = Colours.of(frame), self._declared
        primaries = known.primaries if declared.primaries == _UNKNOWN else declared.primaries
        transfer = known.transfer if declared.transfer == _UNKNOWN else declared.transfer
        matrix = known.matrix if declared.matrix == _UNKNOWN else declared.matrix
        if matrix not in _SCALERS_MATRICES:
            wide = matrix in _BT2020_MATRICES or primaries == BT2020
            matrix = 9 if wide else 1 if matrix in _DERIVED_MATRICES else _UNKNOWN
        if not frame.format.is_rgb:
            span = declared.range or known.range
            frame.colorspace, frame.color_range = matrix, span if span in _RANGES else 0
        return Colours(matrix, declared.range, primaries, transfer)


def _graph(transfer: int, primaries: int, frame: VideoFrame) -> Graph:
    """FFmpeg's lut3d filter, which reads its table from a file when it is set up."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.cube"
        rows = np.transpose(table_of(transfer, primaries), (2, 1, 0, 3)).reshape(-1, 3)  # red changes fastest
        with path.open("w") as file:
            file.write(f"LUT_3D_SIZE {_SIDE}\n")
            np.savetxt(file, rows, fmt="%.6f")
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        lut, sink = graph.add("lut3d", file=str(path), interp="tetrahedral"), graph.add("buffersink")
        source.link_to(lut)
        lut.link_to(sink)
        graph.configure()
        return graph


@lru_cache(8)
def table_of(transfer: int, primaries: int) -> Array64:  # -> (S, S, S, 3) indexed by red, green, blue
    """sRGB 0..1 of evenly spaced coded R, G, B."""
    axis = np.linspace(0, 1, _SIDE)
    return coded_to_srgb(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1), transfer, primaries)


def coded_to_srgb(coded: Array64, transfer: int, primaries: int) -> Array64:  # (..., 3) 0..1 -> (..., 3) 0..1
    """Coded R'G'B' of a transfer function and primaries as sRGB."""
    if transfer in _HDR:
        nits = from_pq(coded) if transfer == PQ else from_hlg(coded)
        largest = np.maximum(nits.max(-1, keepdims=True), 1e-6)
        light = nits * (rolled_off(largest) / largest) / WHITE
    else:
        light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    to_709 = np.linalg.inv(xyz_of(BT709)) @ xyz_of(primaries)
    light = np.clip(light @ to_709.T, 0, 1)
    return np.asarray(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


#: SMPTE ST 2084, "PQ".
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def from_pq(coded: Array64) -> Array64:
    """Nits of PQ values 0..1."""
    root = np.asarray(coded, np.float64) ** (1 / _M2)
    return np.asarray(10000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def to_pq(nits: Array64) -> Array64:
    """PQ values 0..1 of nits."""
    root = (np.asarray(nits, np.float64) / 10000) ** _M1
    return np.asarray(((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2)


def from_hlg(coded: Array64) -> Array64:  # (..., 3) R', G', B'
    """Nits on a display of `PEAK` nits. Source: ITU-R BT.2100, table 5, with a system gamma of 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(PEAK * luminance[..., None] ** 0.2 * scene)


def rolled_off(nits: Array64) -> Array64:
    """Up to `PEAK` nits brought below `WHITE`. Source: ITU-R BT.2390, annex 5, with blacks at 0."""
    top = to_pq(np.array(PEAK))
    signal = np.minimum(to_pq(nits) / top, 1)
    most = to_pq(np.array(WHITE)) / top
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return from_pq(np.where(signal < knee, signal, spline) * top)


def xyz_of(primaries: int) -> Array64:  # (3, 3)
    """Linear R, G, B to CIE XYZ. Source: SMPTE RP 177."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _PRIMARIES[primaries]]).T
    x, y = _D65
    return np.asarray(columns * np.linalg.solve(columns, (x / y, 1, (1 - x - y) / y)))
