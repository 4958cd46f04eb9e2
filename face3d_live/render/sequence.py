"""A film of the head: pictures of a row of codes, for clips and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.render.renderer import Background, Renderer

Picture = NDArray[np.uint8]


def render_sequence(
    head: Head,
    frames: Iterable[HeadCodes],
    camera: Camera,
    *,
    texture: Picture | None = None,
    background: Background = (0.35, 0.36, 0.38),
) -> Iterator[Picture]:  # of (camera.height, camera.width, 3)
    """What `camera` sees of each frame's head, at its own pose, in its own light.

    texture: an albedo (S, S, 3 or 4); the default skin without one. Edges are multisampled: films are not made live.
    """
    renderer = Renderer(head, camera.width, camera.height, "medium", samples=4)
    try:
        if texture is not None:
            renderer.set_texture(texture)
        for codes in frames:
            yield renderer.render(codes, camera, mode="overlay", background=background)[..., :3]
    finally:
        renderer.close()
