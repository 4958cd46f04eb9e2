"""`AvatarRenderer`: codes to picture for an avatar from a file, with the interface of `renderer.Renderer`."""

from __future__ import annotations

from typing import NamedTuple

import moderngl
import numpy as np

from face3d_live import lighting
from face3d_live.avatar import pose as posing
from face3d_live.avatar.appearance import AS_THEY_LIE, MaterialState, material_states
from face3d_live.avatar.model import Avatar, Image, Map, Material, Part
from face3d_live.camera import Camera
from face3d_live.checks import checked_size
from face3d_live.codes import HeadCodes
from face3d_live.render import gpu, pictures
from face3d_live.render.antialias import antialias
from face3d_live.render.avatar_compose import onto
from face3d_live.render.view import (
    Background,
    Mode,
    Pose,
    View,
    camera_to_cover,
    checked_background,
    checked_mode,
    portrait,
    staged,
)
from face3d_live.typing import AnyArray, Array, Picture

#: Where our own head has its eyes, left and right, head frame, metres: over a camera picture an avatar has them there.
HUMAN_EYES = np.array([[0.0304, 0.0015, 0.0712], [-0.0304, 0.0015, 0.0712]], np.float32)
#: Height limits, metres, of an avatar over a camera picture. It is scaled by its eye distance, which may be unusual.
_OVERLAY_HEIGHT = 0.33, 0.48
#: Alpha from which a blended surface counts as solid, and below which as nothing.
_SOLID, _NOTHING = 0.5, 0.004
#: How dark and how bright the light may make toon surfaces.
_EXPOSURE = 0.25, 1.0
_STYLES = {"lit": 0, "toon": 1, "unlit": 2}
_CLAY, _WIRES = 3, 4
_ANY = (-1.0, 9.0)
#: Fields of a material that are maps, in the order of their texture units from 1 and of their bits.
_MAPS = ("emissive_map", "normal_map", "metallic_roughness_map", "occlusion_map")


class _Drawn(NamedTuple):
    part: Part
    material: Material
    mesh: gpu.MovingMesh


class AvatarRenderer:
    """Draws one avatar. Belongs to the thread and process that makes it; several may live side by side.

    samples: as for `Renderer`. software: the CPU draws. Raises as `Renderer` does.
    """

    def __init__(self, avatar: Avatar, width: int, height: int, samples: int = 1) -> None:
        width, height, samples = (
            checked_size(value, name) for value, name in ((width, "width"), (height, "height"), (samples, "samples"))
        )
        self._avatar = avatar
        self._samples = samples
        self._ctx = gpu.create_context()
        self.software = gpu.is_software(self._ctx)
        with self._ctx as ctx:
            self._program = gpu.load_program(ctx, "avatar.vert", "avatar.frag")
            gpu.set_uniforms(self._program, {name: unit for unit, name in enumerate(("albedo", *_MAPS))})
            self._textures = [_texture(ctx, image) for image in avatar.images]
            self._white = gpu.texture_from(ctx, np.full((1, 1, 4), 255, np.uint8))
            self._drawn = [_Drawn(p, avatar.materials[p.material], _mesh(ctx, p)) for p in avatar.parts]
            self._drawn.sort(key=lambda d: (d.material.alpha == "blend", d.material.order))
            self._targets = gpu.Targets(ctx, samples)
            self._target = self._targets.of(width, height)
        self._states: dict[int, MaterialState] = {}

    def resize(self, width: int, height: int) -> None:
        """Pictures of another size from now on. Raises ValueError as `Renderer.resize` does."""
        width, height = checked_size(width, "width"), checked_size(height, "height")
        with self._ctx:
            self._target = self._targets.of(width, height)

    def close(self) -> None:
        """Release all OpenGL objects. The renderer cannot be used afterwards."""
        with self._ctx:
            gpu.release([self._white, self._program, self._targets, *self._textures])
            gpu.release(drawn.mesh for drawn in self._drawn)
        self._ctx.release()

    def render(
        self,
        codes: HeadCodes,
        camera: Camera,
        *,
        view: View | None = None,
        mode: Mode = "avatar",
        background: Background = None,
    ) -> Picture:  # -> (height, width, 4) uint8, row 0 on top
        """The avatar as a picture, see `Renderer.render`; in "overlay" its eyes are where the user's are."""
        checked_mode(mode)
        background = checked_background(background)
        size = width, height = self._target.width, self._target.height
        turns = posing.turns(self._avatar, codes.rotation, codes.expression)
        over = self._over_camera(codes, camera_to_cover(camera, width, height), turns)
        alone = portrait(view or View(), np.eye(3), (self._avatar.low, self._avatar.high), width, height)
        pose, light = staged(mode, codes.light, over, alone)
        self._states = material_states(self._avatar, codes.expression)
        picture = self._draw(posing.weights(self._avatar, codes.expression), turns, pose, light, mode)
        if background is None and mode in ("avatar", "wireframe"):
            background = pictures.studio(*size)
        if background is None or isinstance(background, str):
            pictures.unmultiply(picture)
            return picture
        return onto(picture, background)

    def _over_camera(self, codes: HeadCodes, camera: Camera, turns: Array) -> Pose:
        """The avatar upright before the camera, its head turned, its eyes where the user's are."""
        eyes = self._avatar.eyes @ turns[2, :3, :3].T + turns[2, :3, 3]
        apart = float(np.linalg.norm(self._avatar.eyes[0] - self._avatar.eyes[1]))
        height = float(self._avatar.high[1] - self._avatar.low[1])
        scale = float(np.linalg.norm(HUMAN_EYES[0] - HUMAN_EYES[1])) / max(apart, 1e-6)
        scale = float(np.clip(scale, _OVERLAY_HEIGHT[0] / height, _OVERLAY_HEIGHT[1] / height))
        between = codes.rotation @ HUMAN_EYES.mean(0) + codes.translation
        return Pose(scale * np.eye(3, dtype=np.float32), between - scale * eyes.mean(0), camera)

    def _draw(self, weights: Array, turns: Array, pose: Pose, light: AnyArray, mode: Mode) -> Picture:
        """With premultiplied alpha, on a transparent background."""
        with self._ctx as ctx:
            self._target.begin()
            ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
            gpu.set_uniforms(self._program, _placing(pose, turns) | _lighting(light))
            for drawn in self._drawn:
                self._draw_part(drawn, weights, mode)
            if mode == "wireframe":
                self._draw_wires()
            picture = self._target.read()
        if self._samples == 1:
            antialias(picture)
        return picture

    def _draw_part(self, drawn: _Drawn, weights: Array, mode: Mode) -> None:
        if len(drawn.part.rows):
            positions, normals = posing.deform(drawn.part, weights)
            drawn.mesh.write("position", positions)
            drawn.mesh.write("normal", normals)
        material = drawn.material
        state = self._states.get(drawn.part.material) or MaterialState(
            material.colour, material.shade, material.emissive, AS_THEY_LIE
        )
        ctx, flags = self._ctx, moderngl.DEPTH_TEST | moderngl.BLEND
        ctx.enable_only(flags if material.double_sided else flags | moderngl.CULL_FACE)
        (self._white if material.image is None else self._textures[material.image]).use(0)
        coloured = mode in ("avatar", "overlay")
        uniforms: dict[str, object] = {
            "material_tint": state.colour,
            "shade_tint": state.shade,
            "emissive": state.emissive,
            "uv_turn": state.uv[:, :, :2].swapaxes(1, 2),
            "uv_move": state.uv[:, :, 2],
            "roughness_factor": material.roughness,
            "metallic_factor": material.metallic,
            "normal_scale": material.normal_scale,
            "occlusion_strength": material.occlusion_strength,
            "style": _STYLES[material.style] if coloured else _CLAY,
            "opaque": material.alpha != "blend",
        } | (self._use_maps(material) if coloured else {"maps": 0})
        if material.alpha != "blend":
            self._go(drawn.mesh, uniforms | {"opaque": True, "alpha_range": _ANY} if material.alpha == "opaque" else
                     uniforms | {"opaque": False, "alpha_range": (material.cutoff, 9.0)})  # fmt: skip
            return
        self._go(drawn.mesh, uniforms | {"alpha_range": (_SOLID, 9.0)})
        ctx.fbo.depth_mask = False
        self._go(drawn.mesh, uniforms | {"alpha_range": (_NOTHING, _SOLID)})
        ctx.fbo.depth_mask = True

    def _use_maps(self, material: Material) -> dict[str, object]:
        """Bind the material's maps besides its colour; bits tell the shader which exist and which use the second uv."""
        there = second = 0
        for bit, (unit, name) in enumerate(enumerate(_MAPS, 1)):
            found: Map | None = getattr(material, name)
            if found is not None:
                self._textures[found.image].use(unit)
                there |= 1 << bit
                second |= found.layer << bit
        return {"maps": there, "second": second}

    def _go(self, mesh: gpu.MovingMesh, uniforms: dict[str, object]) -> None:
        gpu.set_uniforms(self._program, uniforms)
        mesh.draw(self._program, "all")

    def _draw_wires(self) -> None:
        """The edges of all parts, offset towards the viewer so that they pass the depth test."""
        ctx = self._ctx
        ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        ctx.wireframe, ctx.polygon_offset = True, (-1.0, -1.0)
        for drawn in self._drawn:
            self._go(drawn.mesh, {"style": _WIRES, "maps": 0, "opaque": True, "alpha_range": _ANY})
        ctx.wireframe, ctx.polygon_offset = False, (0.0, 0.0)


def _mesh(ctx: moderngl.Context, part: Part) -> gpu.MovingMesh:
    fixed = {"uv": part.uv, "tint": part.colours, "bones": part.bones}
    mesh = gpu.MovingMesh(ctx, {"all": part.faces}, fixed, {"position": 3, "normal": 3})
    mesh.write("position", part.positions)
    mesh.write("normal", part.normals)
    return mesh


def _texture(ctx: moderngl.Context, image: Image) -> moderngl.Texture:
    """Square roots of linear colours, as `shaders/` reads albedo; alpha, and what is no colour, as it is."""
    rgba = image.rgba
    if not image.linear:
        rgba = rgba.copy()
        rgba[..., :3] = pictures.roots(np.ascontiguousarray(rgba[..., :3]))
    texture = gpu.texture_from(ctx, rgba)
    texture.repeat_x, texture.repeat_y = image.repeat
    return texture


def _placing(pose: Pose, turns: AnyArray) -> dict[str, object]:
    """Matrices go columns first."""
    return {
        "projection": pose.camera.gl_projection().T,
        "rotation": np.asarray(pose.rotation, np.float32).T,
        "translation": np.asarray(pose.translation, np.float32),
        "bone": turns.swapaxes(1, 2),
    }


def _lighting(light: AnyArray) -> dict[str, object]:  # (27,)
    """The light, its strongest direction, and how bright what faces the viewer becomes."""
    bands = np.asarray(light, np.float32).reshape(9, 3)
    towards = bands[[3, 1, 2]] @ np.array([0.3, 0.6, 0.1], np.float32)  # x, y, z of the linear band's luminance
    front = lighting.shade(light, np.array([0.0, 0.0, 1.0]))
    level = float(front @ lighting.LUMINANCE)
    tint = 0.5 + 0.5 * front / max(level, 1e-3)
    return {
        "light": np.asarray(light, np.float32),
        "key": (towards / (np.linalg.norm(towards) + 1e-9)).astype(np.float32),
        "key_colour": np.linalg.norm(bands[1:4], axis=0),
        "exposure": (np.clip(1.25 * level, *_EXPOSURE) * tint).astype(np.float32),
    }
