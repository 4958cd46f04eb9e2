"""Shared by tests: what `test_avatar_live` and others use."""

from __future__ import annotations

from dataclasses import dataclass, field

import live_fakes
import numpy as np

from face3d_live.camera import Camera as Lens
from face3d_live.live.engine.pipeline import AVATAR_SIZE, Result
from face3d_live.live.engine.session_renderers import SessionRenderers

GREEN_IRIS = np.array([88, 160, 80])


class NoHead:
    """In place of the head's renderer: a flat picture, without OpenGL."""

    side = AVATAR_SIZE

    def resize(self, width, height):
        self.side = width

    def render(self, codes, camera, *, view, mode, background, texture, hair, glasses, face_only):
        picture = np.full((self.side, self.side, 4), 90, np.uint8)
        picture[..., 3] = 255
        if isinstance(background, str):
            picture[:128] = 0
        return picture


@dataclass
class AvatarPipeline(live_fakes.FakePipeline):
    """The fake one's face, drawn by the real `SessionRenderers`."""

    renderers: dict = field(default_factory=dict)

    def process(self, session, rgb, t, view):
        result = super().process(session, rgb, t, view)
        image, cutout = self._renderers().render(session, result.codes, Lens.webcam(640, 480), view, rgb, "default")
        return Result(result.face, result.codes, result.raw, 0.9, image, result.ms, cutout)

    def show_avatar(self, session, key, data):
        self._renderers().show(session, key, data)

    def close(self, session):
        super().close(session)
        self._renderers().forget(session)

    def _renderers(self):
        if not self.renderers:
            self.renderers["all"] = SessionRenderers(NoHead())
        return self.renderers["all"]


def shows_the_fox(picture: np.ndarray) -> bool:
    return bool((np.abs(picture[..., :3].astype(int) - GREEN_IRIS).max(-1) < 40).sum() > 100)
