"""How long an avatar's pictures take: drawn on trial, in a process that may be killed, before others wait for them."""

from __future__ import annotations

import time

import numpy as np

from face3d_live.avatar.model import Avatar
from face3d_live.camera import Camera
from face3d_live.codes import N_EXPRESSION, HeadCodes
from face3d_live.errors import InputError
from face3d_live.render.avatar_renderer import AvatarRenderer
from face3d_live.render.view import View

#: Seconds that a picture may take. Drawn by the CPU: of all cores together.
MAX_SECONDS = 0.7
#: Zoom, and how far every expression is on; the first picture compiles shaders and is not counted.
_VIEWS = ((1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (3.0, 0.0))


def check_seconds(avatar: Avatar, side: int) -> None:
    """Draw some pictures (side x side). Raises InputError "avatar-too-slow", AssetError where OpenGL is missing."""
    renderer = AvatarRenderer(avatar, side, side)
    try:
        camera = Camera.webcam(side, side)
        for number, (zoom, on) in enumerate(_VIEWS):
            codes = HeadCodes(expression=np.full(N_EXPRESSION, on, np.float32))
            start, used = time.perf_counter(), time.process_time()
            renderer.render(codes, camera, view=View(0.0, 0.0, zoom))
            # On a busy machine the clock runs on while nothing is drawn.
            used = time.process_time() - used
            seconds = used if renderer.software else time.perf_counter() - start
            if number and seconds > MAX_SECONDS:
                text = f"a picture takes {seconds:.1f} s to draw: use fewer see-through surfaces, triangles and pieces"
                raise InputError("avatar-too-slow", text)
    finally:
        renderer.close()
