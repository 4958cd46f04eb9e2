"""A decoded frame to a picture: sRGB, square pixels, upright, deinterlaced."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from face3d_live.typing import AnyArray, Rgb
from face3d_live.video.colour import ColourMapper, Colours
from face3d_live.video.side_data import display_matrix

#: Pixel aspects beyond this, either way, are taken for a mistake of the file.
_MOST_ASPECT = 4.0
#: Smaller aspects are taken as 1.
_LEAST_ASPECT = 1.01
#: See-through pixels lie over this grey, as in photos (`reconstruct.photo`).
_BACKGROUND = 128
#: Levels by which a pixel must differ from both its vertical neighbours to be an interlacing artefact (comb).
_COMB = 12


class Pictures:
    """Turns the frames of one stream into upright RGB (H, W, 3) uint8, at most `most` pixels on the longer side."""

    def __init__(self, stream: VideoStream, most: int | None = None) -> None:
        self._aspect, self._scaler, self._most = pixel_aspect(stream), VideoReformatter(), most
        self._colours = ColourMapper(Colours.of(stream.codec_context))

    def __call__(self, frame: VideoFrame) -> Rgb:
        """The picture: height as stored, width times the pixel aspect, then turned."""
        whole = max(round(frame.width * self._aspect), 1), frame.height
        scale = 1.0 if self._most is None else min(1.0, self._most / max(whole))
        fitted = max(round(whole[0] * scale), 1), max(round(whole[1] * scale), 1)
        size = whole if frame.interlaced_frame else fitted  # scaling would blend the fields
        rgb = self._over_grey(frame, *size) if _has_alpha(frame) else self._colours.rgb(frame, *size)
        if frame.interlaced_frame:
            rgb = deinterlaced(rgb)
        if size != fitted:
            rgb = np.asarray(cv2.resize(rgb, fitted, interpolation=cv2.INTER_AREA), np.uint8)
        return oriented(rgb, display_matrix(frame))

    def _over_grey(self, frame: VideoFrame, width: int, height: int) -> Rgb:
        rgba = self._scaler.reformat(frame, width, height, "rgba").to_ndarray().astype(np.uint16)
        alpha = rgba[..., 3:]
        return ((rgba[..., :3] * alpha + _BACKGROUND * (255 - alpha) + 127) // 255).astype(np.uint8)


def pixel_aspect(stream: VideoStream) -> float:
    """Width of a stored pixel in units of its height, by the container or else the codec; 1 if implausible."""
    aspect = float(stream.sample_aspect_ratio or 1)
    wide = max(aspect, 1 / aspect) if aspect > 0 else 0.0
    return aspect if _LEAST_ASPECT <= wide <= _MOST_ASPECT else 1.0


def oriented(rgb: Rgb, matrix: AnyArray | None) -> Rgb:
    """The picture turned and mirrored by the nearest of the eight orientations to a display matrix.

    The matrix takes stored to shown positions: x' = a x + c y, y' = b x + d y with rows (a, b, u), (c, d, v), (x, y, w)
    and y down. Source: ISO/IEC 14496-12, 6.2.2 and 8.3.2 (track header).
    """
    if matrix is None:
        return rgb
    (a, b), (c, d) = np.asarray(matrix, np.float64)[:2, :2]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        turned, flips = rgb, (d < 0, a < 0)
    else:
        turned, flips = rgb.transpose(1, 0, 2), (b < 0, c < 0)
    return np.ascontiguousarray(turned[tuple(slice(None, None, -1 if flip else 1) for flip in flips)])


def deinterlaced(rgb: Rgb) -> Rgb:
    """An interlaced picture with the lines of its second field interpolated where the fields differ (combing).

    A pixel of an odd line shows combing when it is brighter or darker than both its neighbours above and below. Static
    parts, and progressive video that is only marked as interlaced, keep all their lines.
    """
    if len(rgb) < 3:
        return rgb
    above, line, below = rgb[:-2:2], rgb[1:-1:2], rgb[2::2]
    green = [part[..., 1].astype(np.int16) for part in (above, line, below)]
    down, up = green[1] - green[0], green[1] - green[2]
    comb = (np.minimum(np.abs(down), np.abs(up)) > _COMB) & (down * up > 0)
    wide = cv2.dilate(comb.astype(np.uint8), np.ones((3, 9), np.uint8)).astype(bool)
    out = rgb.copy()
    out[1:-1:2][wide] = cv2.addWeighted(above, 0.5, below, 0.5, 0)[wide]
    return out


def _has_alpha(frame: VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)
