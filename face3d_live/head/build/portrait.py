"""A small offscreen renderer for finding correspondences: skin texture, cards, eyes, two lights. Build-time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.render.gpu import load_program
from face3d_live.typing import AnyArray, Array


@dataclass
class Piece:
    """Something to draw: position, normal, color (N, 3), uv (N, 2), faces (F, 3), and the name of its texture."""

    position: Array
    normal: Array
    color: Array
    uv: Array
    faces: AnyArray
    texture: str


class Studio:
    """Renders pieces with a pinhole camera; belongs to the thread that made it. Needs libEGL."""

    def __init__(self, size: int) -> None:
        import moderngl

        self.size = size
        create: Any = moderngl.create_context  # its stub knows no back-end names
        self.gl: Any = create(standalone=True, backend="egl", require=330)
        self.program: Any = load_program(self.gl, "build/portrait.vert", "build/portrait.frag")
        self.depth = self.gl.depth_texture((size, size))
        self.target: Any = self.gl.framebuffer([self.gl.texture((size, size), 4)], self.depth)
        self.textures: dict[str, Any] = {}
        self.set_texture("white", np.full((2, 2, 4), 255, np.uint8))

    def set_texture(self, name: str, image: NDArray[np.uint8]) -> None:  # (H, W, 3 or 4), row 0 = top
        """Upload a texture under a name."""
        import moderngl

        flipped = np.ascontiguousarray(image[::-1])
        texture = self.gl.texture((image.shape[1], image.shape[0]), image.shape[2], flipped.tobytes())
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        self.textures[name] = texture

    def render(
        self, pieces: list[Piece], clip: Array, turn: Array, shift: Array, key: Array, fill: float, back: Array
    ) -> tuple[NDArray[np.uint8], Array]:
        """-> picture (S, S, 3), row 0 = top, and depth (S, S) in 0..1 of the first piece."""
        import moderngl

        self.target.use()
        self.target.clear(*(float(x) for x in back), 1.0)
        self.gl.enable(moderngl.DEPTH_TEST | moderngl.BLEND)
        self.gl.depth_func = "<="
        self.program["projection"].write(np.ascontiguousarray(clip.T, np.float32).tobytes())
        self.program["rotation"].write(np.ascontiguousarray(turn.T, np.float32).tobytes())
        self.program["translation"].value = tuple(float(x) for x in shift)
        self.program["key"].value = tuple(float(x) for x in key)
        self.program["fill"].value = fill
        depth = np.empty(0, np.float32)
        for piece in pieces:
            self._draw(piece)
            if depth.size == 0:
                depth = np.frombuffer(self.depth.read(), np.float32).reshape(self.size, self.size)[::-1]
        picture = np.frombuffer(self.target.read(components=3), np.uint8).reshape(self.size, self.size, 3)[::-1]
        return picture.copy(), depth.copy()

    def _draw(self, piece: Piece) -> None:
        packed = np.concatenate([piece.position, piece.normal, piece.color, piece.uv], 1).astype(np.float32)
        vertices = self.gl.buffer(packed.tobytes())
        indices = self.gl.buffer(piece.faces.astype(np.int32).tobytes())
        self.textures[piece.texture].use(0)
        layout = [(vertices, "3f 3f 3f 2f", "position", "normal", "tint", "uv")]
        array = self.gl.vertex_array(self.program, layout, indices)
        array.render()
        for thing in (array, vertices, indices):
            thing.release()
