"""Contact sheets: the best, the median and the worst faces with what was answered, to be looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.head.points import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER
from face3d_live.render.renderer import Renderer
from face3d_live.train.evaluate import metrics
from face3d_live.train.evaluate.answers import Measured, Source, crop_camera, crops
from face3d_live.typing import Picture

SIDE, COLUMNS = 192, 7
_FINE = frozenset(EYE_LEFT + EYE_RIGHT + BROW_LEFT + BROW_RIGHT + LIPS_INNER + LIPS_OUTER)
_TRUTH, _ANSWER, _TEXT = (80, 220, 80), (255, 80, 60), (255, 255, 0)


def contact_sheet(head: Head, measured: Measured, samples: Source, path: Path) -> None:
    """Write a PNG. Above: the picture with the labels' points (green) and the fit's (red), and its landmark error;
    below: the fitted head. Where no OpenGL is to be had, the row below is missing."""
    errors = metrics.landmark_errors(measured.fit.points, measured.labels["points"])
    order = np.argsort(errors)
    middle = max(0, len(order) // 2 - COLUMNS // 2)
    renderer = _renderer(head)
    rows = []
    for chosen in (order[:COLUMNS], order[middle : middle + COLUMNS], order[-COLUMNS:]):
        pictures = crops(samples.take(chosen))
        marked = [_marked(p, measured, i, errors[i]) for p, i in zip(pictures, chosen, strict=True)]
        rows.append(_strip(marked))
        if renderer is not None:
            rows.append(_strip([_drawn(renderer, p, measured, i) for p, i in zip(pictures, chosen, strict=True)]))
    if renderer is not None:
        renderer.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _renderer(head: Head) -> Renderer | None:
    try:
        return Renderer(head, SIDE, SIDE, "low")
    except AssetError:  # no EGL: the points are worth a look without it
        return None


def _strip(pictures: list[Picture]) -> Picture:
    blank = np.zeros((SIDE, SIDE, 3), np.uint8)
    return np.hstack(pictures + [blank] * (COLUMNS - len(pictures)))


def _marked(picture: Picture, measured: Measured, i: int, error: float) -> Picture:
    out = np.ascontiguousarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    for points, colour in ((measured.labels["points"][i], _TRUTH), (measured.fit.points[i], _ANSWER)):
        for number in _FINE:
            x, y = (points[number] + 1) / 2 * SIDE
            cv2.circle(out, (round(float(x) * 8), round(float(y) * 8)), 9, colour, -1, cv2.LINE_AA, shift=3)
    cv2.putText(out, f"{error:.1f} %", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _TEXT, 1, cv2.LINE_AA)
    return out


def _drawn(renderer: Renderer, picture: Picture, measured: Measured, i: int) -> Picture:
    background = np.ascontiguousarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    camera = crop_camera(float(measured.labels["focal"][i]))
    return renderer.render(measured.codes[i], camera, mode="overlay", background=background)[..., :3]
