"""Contact sheets of clips: which frames are shown, and that a face is not, where it may not be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.head.model import Head
from face3d_live.head.points import IBUG68_FROM_478
from face3d_live.train.evaluate import clip_sheets
from face3d_live.train.evaluate.clips import Track

pytestmark = pytest.mark.slow

CAMERA = Camera.webcam(320, 240)


def test_the_frame_of_the_greatest_movement_is_chosen() -> None:
    expression = np.zeros((20, 52))
    expression[:, INDEX["mouthPucker"]] = 0.3
    expression[7, [INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.8
    expression[11, [INDEX["eyeLookInLeft"], INDEX["eyeLookOutRight"]]] = 0.9
    expression[13, INDEX["mouthPucker"]] = 0.9
    expression[3, INDEX["jawOpen"]] = 1.0
    expression[5] = np.nan
    found = clip_sheets.greatest(Track(expression, np.zeros((20, 68, 2)), np.zeros((20, 3, 3))))
    frames = {name: frame for name, (frame, _) in found.items()}
    assert (frames["smile"], frames["gaze aside"], frames["pucker"], frames["jaw"]) == (7, 11, 13, 3)
    assert found["pucker"][1] == pytest.approx(0.6), "beyond what it is at rest"
    assert found["smile"][1] == pytest.approx(0.8)


def test_a_face_that_may_not_be_shown_is_drawn_as_lines(head: Head, tmp_path: Path) -> None:
    codes = HeadCodes(translation=np.array([0, 0, -0.6], np.float32))
    points = CAMERA.project(head.points(head.template)[list(IBUG68_FROM_478)] @ codes.rotation.T + codes.translation)
    red = np.zeros((240, 320, 3), np.uint8)
    red[..., 0] = 255
    moment = clip_sheets.Moment("smile", 0.5, red, codes, CAMERA, points)
    sheets = {}
    for shown in (True, False):
        path = tmp_path / f"{shown}.png"
        assert clip_sheets.sheet(head, {"a": [moment], "b": [moment, moment]}, path, shown)
        sheets[shown] = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(int)
    side = clip_sheets.SIDE
    assert sheets[True].shape == (2 * side, 2 * len(clip_sheets.MOMENTS) * side, 3)
    face = {shown: sheet[20 : side - 20, :side] for shown, sheet in sheets.items()}
    assert (face[True] == (255, 0, 0)).all()
    assert np.abs(np.diff(face[False], axis=2)).max() < 40, "nothing of the picture's colour"
    assert (face[False].min(2) < 120).sum() > 100, "lines"
    avatar = sheets[True][:side, side : 2 * side]
    assert avatar.std() > 20 and (avatar == sheets[False][:side, side : 2 * side]).all()
