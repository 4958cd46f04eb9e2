"""The avatar puts on its user's skin: which frames are chosen, how it gets to the engine, what a failure costs."""

import os
import signal

import live_fakes
import numpy as np
import pytest
from live_helpers import Browser, Camera, serve
from waiting import until

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.live.sessions import texture_capture
from face3d_live.live.sessions.texture_capture import FrameSelector, Keyframe, TextureCapture, frame_quality
from face3d_live.rotations import from_euler


def face(**changes):
    expression = np.zeros(52, np.float32)
    for name in ("eyeBlinkLeft", "jawOpen", "mouthSmileLeft"):
        expression[INDEX[name]] = changes.pop(name, 0)
    return HeadCodes(expression=expression, rotation=from_euler(changes.pop("yaw", 0), 0, 0), **changes)


def test_good_moments_are_frontal_calm_near_and_sure():
    best = frame_quality(face(), 0.95)
    assert best > 0.9
    far = np.array([0, 0, -2.0], np.float32)
    for worse in (
        face(yaw=0.5),
        face(eyeBlinkLeft=0.7),
        face(jawOpen=0.6),
        face(translation=far),
        face(mouthSmileLeft=0.9),
    ):
        assert frame_quality(worse, 0.95) < 0.6 * best
    assert frame_quality(face(), 0.4) < 0.5 * best


def offered(frames):
    """A selector after (seconds, quality[, shape]) frames."""
    selector = FrameSelector(lambda texture, glasses: None)
    for at, quality, *shape in frames:
        codes = face(shape=np.full(80, shape[0] if shape else 0, np.float32))
        selector.offer(Keyframe(np.zeros((4, 4, 3), np.uint8), codes, quality, at))
    return selector


def test_the_best_keyframes_are_kept_and_they_lie_apart():
    selector = offered([(i / 30, 0.5 + 0.01 * i) for i in range(30)])
    assert [round(30 * m.at) for m in selector.keyframes] == [7, 14, 22, 29]
    selector = offered([(0.5 * i, 0.4 + 0.05 * (i % 10)) for i in range(30)])
    assert sorted(round(m.quality, 2) for m in selector.keyframes) == [0.8, 0.8, 0.8, 0.85, 0.85, 0.85]
    assert not offered([(0, 0.1)]).keyframes


def test_a_new_texture_needs_better_keyframes():
    selector = offered([(10, 0.8)])
    assert not selector.is_due(10.05) and selector.is_due(10.15)
    selector.texture_quality = 0.75
    assert not selector.is_due(12)
    selector.offer(Keyframe(np.zeros((4, 4, 3), np.uint8), face(), 0.8, 11.5))
    assert selector.is_due(13)
    selector.fusing = True
    assert not selector.is_due(13)


def test_another_person_gets_another_texture():
    jumped = offered([(0, 0.8), (0.5, 0.8), (1, 0.8), (1.5, 0.5, 0.9)])
    assert [m.at for m in jumped.keyframes] == [1.5]
    learning = offered([(0.3 * i, 0.8, 0.02 * i) for i in range(5)])
    assert len(learning.keyframes) == 5
    back = offered([(0, 0.8), (0.5, 0.8), (9, 0.5)])
    assert [m.at for m in back.keyframes] == [9] and not back.is_due(9.05) and back.is_due(9.15)


async def test_a_texture_that_comes_too_late_is_not_used():
    selector, used = offered([(0, 0.8)]), []
    selector.set_texture = lambda texture, glasses: used.append(texture)

    class SlowWorker:
        leaves = True

        async def run(self, task, frames):
            if self.leaves:
                selector.clear()
            return live_fakes.fake_texture(None, [(np.zeros(1), None, 1)])

    worker = SlowWorker()
    texture_capture = TextureCapture(worker, live_fakes.fake_texture, None)
    await texture_capture.fuse(selector, list(selector.keyframes))
    assert used == []
    worker.leaves = False
    await texture_capture.fuse(selector, list(selector.keyframes))
    assert len(used) == 1


def corner(browser):
    return float(browser.avatar[4:28, 4:28].mean()) if browser.avatar is not None else 0.0


async def test_the_avatar_gets_the_texture_and_keeps_it_when_the_engine_dies(monkeypatch):
    monkeypatch.setattr(texture_capture, "FIRST_SECONDS", 0.2)
    async with serve(texture=live_fakes.fake_texture) as served, Browser(served, Camera(0.15)) as browser:
        await browser.until_brightness(0.15)
        # To the fake pipeline a bright picture is a wide open mouth: the dark ones are the good frames.
        browser.camera.level = 0.6
        await browser.until_brightness(0.6)
        await browser.until(lambda: abs(corner(browser) - 38) < 12)
        os.kill(served.live.engine.pid, signal.SIGKILL)
        await browser.message("notice")
        seen = browser.avatars
        await browser.until(lambda: browser.avatars > seen + 3)
        assert abs(corner(browser) - 38) < 12


async def test_without_a_texture_everything_else_goes_on(monkeypatch, caplog):
    monkeypatch.setattr(texture_capture, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(texture_capture, "INTERVAL_SECONDS", 0.1)
    async with serve(texture=live_fakes.no_texture) as served, Browser(served, Camera(0.15)) as browser:
        await browser.until_brightness(0.15)
        await until(lambda: "texture capture is switched off" in caplog.text)
        seen = browser.avatars
        await browser.until(lambda: browser.avatars > seen + 12)  # four times the interval
        assert caplog.text.count("texture capture is switched off") == 1
        browser.camera.level = 0.3
        await browser.until_brightness(0.3)
        assert corner(browser) == pytest.approx(255 * 0.3, abs=10)
