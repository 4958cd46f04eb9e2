"""The display matrix of a frame, also where PyAV cannot list what else the frame carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

#: FFmpeg's kinds of side data have numbers below this; version 8 has 34 of them.
_KINDS = 64


def display_matrix(frame: VideoFrame) -> NDArray[np.int32] | None:  # (3, 3)
    """The matrix of the container, which FFmpeg hands to each frame, or of the frame itself (H.264's and HEVC's display
    orientation, EXIF), never both; see `picture.oriented`. None where there is none."""
    try:
        listed: Any = frame.side_data
    except ValueError:  # PyAV before 19 lists nothing when there is a kind that it does not know, such as EXIF
        listed = _known_only(frame).side_data
    assert isinstance(listed, Mapping)
    data = listed.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), np.int32)[:9].reshape(3, 3)


def _known_only(frame: VideoFrame) -> VideoFrame:
    """The same frame without the side data that PyAV does not know."""
    graph = Graph()
    last = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    known = {each.value for each in Type}
    for kind in sorted(set(range(_KINDS)) - known):
        last.link_to(following := graph.add("sidedata", f"mode=delete:type={kind}"))
        last = following
    last.link_to(graph.add("buffersink"))
    graph.configure()
    graph.push(frame)
    found = graph.pull()
    assert isinstance(found, VideoFrame)
    return found
