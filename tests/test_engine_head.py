"""The real pipeline: a head is drawn as asked, with and without a face in the picture."""

import numpy as np
import pytest

from face3d_live.live.head_pipeline import HeadPipeline
from face3d_live.live.pipeline import AVATAR_SIZE, ViewRequest


@pytest.fixture(scope="module")
def pipeline():
    return HeadPipeline("cpu")


@pytest.fixture
def session(pipeline):
    pipeline.open("a", None)
    yield "a"
    pipeline.close("a")


def striped():
    """A picture without a face: stripes that run down, bright on the right."""
    rows = np.linspace(0, 200, 640).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rows[None, :, None], (480, 640, 3)))


def test_without_a_face_a_neutral_head_is_drawn(pipeline, session):
    result = pipeline.process(session, striped(), 0.0, ViewRequest())
    assert not result.face and result.image.shape == (AVATAR_SIZE, AVATAR_SIZE, 3) and result.image.dtype == np.uint8
    assert (result.codes.expression == 0).all()
    middle, corner = result.image[200:300, 200:300].astype(int), result.image[:40, :40].astype(int)
    # Skin in the middle (red before green before blue), studio wall in the corner.
    assert np.abs(middle.mean((0, 1)) - corner.mean((0, 1))).max() > 40
    assert (np.diff(middle.mean((0, 1))) < -5).all()
    assert {"track", "render"} <= set(result.ms)


def test_views_differ_and_overlay_shows_the_camera(pipeline, session):
    pictures = {
        name: pipeline.process(session, striped(), 0.1 * i, view).image.astype(int)
        for i, (name, view) in enumerate(
            {
                "front": ViewRequest(),
                "side": ViewRequest(yaw=0.8),
                "near": ViewRequest(zoom=2),
                "wires": ViewRequest("wireframe"),
                "over": ViewRequest("overlay"),
            }.items()
        )
    }
    names = list(pictures)
    for i, one in enumerate(names):
        for other in names[:i]:
            assert np.abs(pictures[one] - pictures[other]).mean() > 3, (one, other)
    # The camera's picture behind, its left and right cut off to a square.
    strip = pictures["over"][:30].mean((0, 2))
    assert strip[0] == pytest.approx(200 * 80 / 640, abs=4) and strip[-1] == pytest.approx(200 * 560 / 640, abs=4)


def test_a_silent_camera_is_drawn_again_and_then_shows_nobody(pipeline, session):
    first = pipeline.process(session, None, 0.0, ViewRequest())
    assert not first.face
    pipeline.process(session, striped(), 1.0, ViewRequest())
    for t in (1.25, 1.75, 3.5):
        assert not pipeline.process(session, None, t, ViewRequest()).face


def test_calibrating_without_a_face_says_what_to_do(pipeline, session):
    pipeline.process(session, striped(), 0.0, ViewRequest())
    calibration = pipeline.calibrate(session)
    assert not calibration.ok and "camera" in calibration.reason


def test_sessions_do_not_mix(pipeline, session):
    pipeline.open("b", None)
    pipeline.process("b", np.zeros((240, 320, 3), np.uint8), 5.0, ViewRequest())
    over = pipeline.process(session, striped(), 0.0, ViewRequest("overlay")).image
    assert over[:30, -30:].mean() > 150
    pipeline.close("b")
    pipeline.close("b")
    with pytest.raises(KeyError):
        pipeline.process("b", striped(), 6.0, ViewRequest())
