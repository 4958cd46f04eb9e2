"""Who is drawn for a session in the engine: the user's own head, or an avatar from a file."""

from __future__ import annotations

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.live.engine.pipeline import AVATAR_SIZE, ViewRequest
from face3d_live.live.sessions.avatars import unpack
from face3d_live.render.avatar_compose import straight_onto
from face3d_live.render.avatar_renderer import AvatarRenderer
from face3d_live.render.pictures import studio
from face3d_live.render.renderer import Renderer
from face3d_live.render.view import Background, View
from face3d_live.typing import Picture


class Figures:
    """The head's renderer, and one for each avatar in use: sessions that show the same file share it."""

    def __init__(self, head: Renderer) -> None:
        self._head = head
        self._avatars: dict[str, AvatarRenderer] = {}
        self._shown: dict[str, str] = {}  # session -> key
        self._studio = studio(AVATAR_SIZE, AVATAR_SIZE)

    def show(self, session: str, key: str | None, data: bytes) -> None:
        """Draw an avatar for a session from now on: `data` of `avatars.pack`; key None: the own head."""
        if key is None:
            self.forget(session)
            return
        if key not in self._avatars:
            self._avatars[key] = AvatarRenderer(unpack(data), AVATAR_SIZE, AVATAR_SIZE)
        self._shown[session] = key
        self._tidy()

    def forget(self, session: str) -> None:
        """Back to the own head; the avatar's memory goes when nobody else shows it."""
        self._shown.pop(session, None)
        self._tidy()

    def draw(
        self, session: str, codes: HeadCodes, camera: Camera, view: ViewRequest, picture: Picture | None, texture: str
    ) -> tuple[Picture, Picture | None]:
        """The picture (H, W, 3), and where `view` wants it the figure alone (H, W, 4).

        picture: the camera's, for "overlay". texture: the own head's.
        """
        below = picture if view.mode == "overlay" else None
        orbit = View(view.yaw, view.pitch, view.zoom)
        background: Background = "transparent" if view.cutout else below
        key = self._shown.get(session)
        if key is None:
            drawn = self._head.render(codes, camera, view=orbit, mode=view.mode, background=background, texture=texture)
        else:
            drawn = self._avatars[key].render(codes, camera, view=orbit, mode=view.mode, background=background)
        if not view.cutout:
            return drawn[..., :3], None
        return straight_onto(drawn, self._studio if below is None else below), drawn

    def _tidy(self) -> None:
        for key in set(self._avatars) - set(self._shown.values()):
            self._avatars.pop(key).close()
