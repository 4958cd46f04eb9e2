"""What keeps a picture from being better: measured on a face of stripes, said after a while."""

import cv2
import numpy as np
import pytest
from live_helpers import serve
from waiting import until

from face3d_live.codes import HeadCodes
from face3d_live.live.sessions.picture_quality import INTERVAL, PATIENCE, UNSEEN, PictureQuality, measure
from face3d_live.rotations import from_euler


def codes(metres=0.5, yaw=0.0):
    return HeadCodes(translation=np.array([0, 0, -metres], np.float32), rotation=from_euler(yaw, 0, 0))


def face(low=70, high=190):
    """A picture (480, 640, 3) of fine stripes."""
    rgb = np.full((480, 640, 3), low, np.uint8)
    rgb[:, ::3] = high
    rgb[::5] = low
    return rgb


def side_lit():
    rgb = face().astype(np.float32)
    rgb[:, 320:] *= 0.3
    return rgb.astype(np.uint8)


def blurred():
    """Without the stripes, darker on top."""
    return cv2.GaussianBlur(face(), (0, 0), 6) // 2 + np.linspace(0, 120, 480, dtype=np.uint8)[:, None, None]


@pytest.mark.parametrize(
    ("hint", "rgb", "seen"),
    [
        (None, face(), codes()),
        ("dark", face(20, 60), codes()),
        ("bright", face(252, 255), codes()),
        ("far", face(), codes(2.0)),
        ("side-light", side_lit(), codes()),
        (None, side_lit(), codes(yaw=0.5)),
        (
            "blurred",
            cv2.GaussianBlur(face(), (0, 0), 6) // 2 + np.linspace(0, 120, 640, dtype=np.uint8)[:, None],
            codes(),
        ),
    ],
)
def test_each_fault_is_seen_and_no_other(hint, rgb, seen):
    assert measure(rgb, seen).hints() == ({hint} if hint else set())


def test_a_face_beside_the_picture_is_not_measured():
    outside = HeadCodes(translation=np.array([3, 0, -0.5], np.float32))
    assert measure(face(), outside) is None


def judged(quality, rgb, start, seconds, seen=None, fps=30.0):
    """What stands after so many seconds of one picture."""
    for now in np.arange(start, start + seconds, INTERVAL):
        quality.add(rgb, seen or codes(), float(now), fps)
    return quality.hints


def test_a_fault_is_said_after_a_while_and_forgotten_after_a_while():
    quality = PictureQuality()
    assert judged(quality, face(20, 60), 0, PATIENCE) == ()
    assert quality.good_for_texture
    assert judged(quality, face(20, 60), PATIENCE, 1) == ("dark",)
    assert not quality.good_for_texture
    assert judged(quality, face(), 4, 1) == ("dark",)
    assert judged(quality, face(), 5, PATIENCE) == ()
    judged(quality, face(20, 60), 10, PATIENCE + 1)
    assert quality.clear() and quality.hints == ()


def test_a_face_that_looks_away_and_a_slow_camera():
    quality = PictureQuality()
    assert judged(quality, face(), 0, UNSEEN + PATIENCE + 1, codes(yaw=0.6), fps=12) == ("look-once", "slow-camera")
    assert quality.good_for_texture  # such pictures weigh little anyway
    assert judged(quality, face(), 20, PATIENCE + 1) == ()


async def test_the_observer_and_the_state_tell_it():
    async with serve() as served:
        session, heard = served.live.sessions.open("browser"), []

        class Observer:
            def on_frame(self, frame):
                pass

            def on_notice(self, code, message):
                pass

            def on_quality(self, hints):
                heard.append(hints)

        session.observer = Observer()
        number = 0

        def told():
            nonlocal number
            number += 1
            if session.engine.idle:
                session.submit(np.full((480, 640, 3), 40, np.uint8), number / 30, 0.0)
            return heard

        await until(told)
        assert "dark" in heard[0]
        state = (await served.http.get(f"/api/sessions/{session.id}")).json()
        assert "dark" in state["hints"]
