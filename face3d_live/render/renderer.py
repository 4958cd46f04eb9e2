"""Codes to picture: the head drawn by OpenGL."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from face3d_live import lighting
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.render import backdrop, features, gpu, wires
from face3d_live.render.openness import openness
from face3d_live.render.view import Mode, Pose, View, covering, portrait

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
#: A picture (H, W, 3) sRGB; a colour, RGB or RGBA 0..1; None: the mode's own (a studio wall behind "avatar" and
#: "wireframe", nothing behind the others, so that alpha is the head's coverage).
Background = Picture | tuple[float, ...] | None

#: Metres that the hair stands off the scalp, and its linear colour.
HAIR_VOLUME = 0.010
HAIR_COLOUR = (0.045, 0.028, 0.018)
#: The skin where no texture is known, picture values.
FLAT_SKIN = (203, 158, 134)
#: Share of the tracked light in the studio's.
TRACKED_LIGHT = 0.25
_OPEN_MOUTH = 0.015  # metres between the lips that let all light in
_STUDIO_MODES = ("avatar", "wireframe")


class Renderer:
    """Draws one head. Belongs to the thread and process that makes it; several may live side by side.

    level: the mesh's, "low", "medium" or "high". samples: 4 smooths edges, at three times the time on a CPU.
    Raises AssetError "egl-missing" when OpenGL is not installed.
    """

    def __init__(self, head: Head, width: int, height: int, level: str = "medium", samples: int = 1) -> None:
        self._head, self._mesh, self._low = head, head.mesh(level), head.mesh("low")
        self._samples = samples
        skin = head.template[head.part == 0]
        self._box = skin.min(0), skin.max(0)
        self._ctx = gpu.create_context()
        self._textures: dict[str, tuple[moderngl.Texture, bool]] = {}
        with self._ctx:
            self._load(head)
            self._target = gpu.Target(self._ctx, width, height, samples)
            self._behind = self._ctx.texture((width, height), 3, alignment=1)
        self._behind_is_studio = False
        self.set_texture(np.full((4, 4, 3), FLAT_SKIN, np.uint8), features=True)

    def _load(self, head: Head) -> None:
        """Programs and everything that never changes."""
        ctx, mesh = self._ctx, self._mesh
        self._programs = {
            "skin": gpu.load_program(ctx, "head.vert", "head.frag"),
            "clay": gpu.load_program(ctx, "head.vert", "clay.frag"),
            "wires": gpu.load_program(ctx, "wires.vert", "wires.frag"),
            "fill": gpu.load_program(ctx, "fill.vert", "fill.frag"),
        }
        rest = mesh.refine(head.template)
        drawn = features.measure(head, mesh, openness(ctx, rest, mesh.normals(rest), mesh.faces))
        self._drawn_uniforms = drawn.uniforms
        moving = {"position": 3, "normal": 3}
        fixed = {"uv": mesh.uv, "rest": drawn.rest, "trait": drawn.trait, "hair": drawn.hair}
        self._solid = gpu.MovingMesh(ctx, mesh.face_uv, fixed, moving)
        self._corner_vertex = self._low.faces.ravel()
        tints = wires.region_tints(head)[self._corner_vertex]
        apart = np.arange(len(self._corner_vertex)).reshape(-1, 3)
        self._wires = gpu.MovingMesh(ctx, apart, {"tint": tints, "corner": wires.corners(self._low.faces)}, moving)
        self._fill = ctx.vertex_array(self._programs["fill"], [])

    def set_texture(self, image: Picture, key: str = "default", *, features: bool = False) -> None:
        """Keep an albedo (S, S, 3 or 4) sRGB uint8, row 0 on top, under `key`; it replaces an older one.

        Where its alpha is low the default skin shows. features: draw brows and lip colour on it, as it has none.
        """
        with self._ctx:
            fresh = gpu.texture_from(self._ctx, _opaque(np.asarray(image, np.uint8)))
            if key in self._textures:
                self._textures[key][0].release()
            self._textures[key] = fresh, features

    def resize(self, width: int, height: int) -> None:
        """Pictures of another size from now on."""
        with self._ctx:
            gpu.release([self._target, self._behind])
            self._target = gpu.Target(self._ctx, width, height, self._samples)
            self._behind = self._ctx.texture((width, height), 3, alignment=1)
        self._behind_is_studio = False

    def close(self) -> None:
        """Give everything of OpenGL's back. The renderer is of no use afterwards."""
        with self._ctx:
            gpu.release(texture for texture, _ in self._textures.values())
            gpu.release([self._fill, self._solid, self._wires, self._target, self._behind, *self._programs.values()])
        self._ctx.release()

    def render(
        self,
        codes: HeadCodes,
        camera: Camera,
        *,
        view: View | None = None,
        mode: Mode = "avatar",
        background: Background = None,
        texture: str = "default",
    ) -> Picture:  # -> (height, width, 4) uint8, row 0 on top
        """The head as a picture.

        camera: the tracked one; only "overlay" uses it, cut to the picture's shape. view: the viewer's orbit in the
        other modes. texture: a key of `set_texture`.
        """
        width, height = self._target.width, self._target.height
        if mode == "overlay":
            pose = Pose(codes.rotation, codes.translation, covering(camera, width, height))
            light = codes.light
        else:
            pose = portrait(view or View(), codes.rotation, self._box, width, height)
            light = (1 - TRACKED_LIGHT) * lighting.PRESETS["studio"] + TRACKED_LIGHT * codes.light
        vertices = self._head.vertices(codes.shape, codes.expression)
        return self.render_vertices(vertices, pose, light, mode=mode, background=background, texture=texture)

    def render_vertices(
        self,
        vertices: NDArray,  # (V, 3) low level, head frame
        pose: Pose,
        light: NDArray,  # (27,)
        *,
        mode: Mode = "avatar",
        background: Background = None,
        texture: str = "default",
    ) -> Picture:  # -> (height, width, 4)
        """The lower level of `render`: any vertices, at any pose, in any light."""
        with self._ctx as ctx:
            self._begin(mode, background)
            ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
            ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
            shared = _placing(pose) | {"light": np.asarray(light, np.float32)}
            if mode == "wireframe":
                self._draw_wires(vertices, shared)
            else:
                self._draw_solid(vertices, shared | self._look(vertices, light, texture), clay=mode == "geometry")
            return self._target.read()

    def _begin(self, mode: Mode, background: Background) -> None:
        """A clean sheet with the background on it."""
        if isinstance(background, tuple):
            red, green, blue, alpha = (*background, 1.0)[:4]
            self._target.begin((red * alpha, green * alpha, blue * alpha, alpha))
            return
        self._target.begin()
        if background is None and mode not in _STUDIO_MODES:
            return
        size = self._target.width, self._target.height
        if background is not None or not self._behind_is_studio:
            picture = backdrop.studio(*size) if background is None else backdrop.covering(background, *size)
            self._behind.write(picture[::-1].tobytes())
            self._behind_is_studio = background is None
        self._ctx.enable_only(moderngl.NOTHING)
        self._behind.use(0)
        self._fill.render(moderngl.TRIANGLES, vertices=3)

    def _look(self, vertices: NDArray, light: NDArray, texture: str) -> dict[str, object]:
        """Uniforms of skin, eyes, mouth and hair for this frame; binds the albedo."""
        table, draw_features = self._textures[texture]
        table.use(0)
        bands = np.asarray(light, np.float32).reshape(9, 3)
        towards = bands[[3, 1, 2]] @ np.array([0.3, 0.6, 0.1], np.float32)  # x, y, z of the linear band's luminance
        lips = self._head.points(vertices)[[features.UPPER_LIP, features.LOWER_LIP], 1]
        return self._drawn_uniforms | {
            "key": towards / (np.linalg.norm(towards) + 1e-9),
            "key_colour": np.linalg.norm(bands[1:4], axis=0),
            "features": float(draw_features),
            "mouth_open": float(np.clip((lips[0] - lips[1]) / _OPEN_MOUTH, 0, 1)),
            "hair_volume": HAIR_VOLUME,
            "hair_colour": HAIR_COLOUR,
        }

    def _draw_solid(self, vertices: NDArray, uniforms: dict[str, object], clay: bool) -> None:
        # Normals of the low level, carried to the finer one like positions: four times fewer faces, smoother shading.
        normals = self._mesh.refine(self._low.normals(vertices))
        split = self._mesh.split_vertex
        self._solid.write("position", self._mesh.refine(vertices)[split])
        self._solid.write("normal", normals[split])
        program = self._programs["clay" if clay else "skin"]
        gpu.set_uniforms(program, uniforms | ({"hair_volume": 0.0} if clay else {}))
        self._solid.draw(program)

    def _draw_wires(self, vertices: NDArray, uniforms: dict[str, object]) -> None:
        self._wires.write("position", vertices[self._corner_vertex])
        self._wires.write("normal", self._low.normals(vertices)[self._corner_vertex])
        gpu.set_uniforms(self._programs["wires"], uniforms)
        self._wires.draw(self._programs["wires"])


def _placing(pose: Pose) -> dict[str, object]:
    """Uniforms of camera and pose; matrices go columns first."""
    return {
        "projection": pose.camera.gl_projection().T,
        "rotation": np.asarray(pose.rotation, np.float32).T,
        "translation": np.asarray(pose.translation, np.float32),
    }


def _opaque(image: Picture) -> Picture:  # (S, S, 3|4) -> (S, S, 3)
    """Flat skin where alpha is low."""
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.float32) / 255
    return (image[..., :3] * alpha + np.array(FLAT_SKIN, np.float32) * (1 - alpha) + 0.5).astype(np.uint8)
