"""`Renderer`: codes to picture, the head rendered with OpenGL."""

from __future__ import annotations

from typing import NamedTuple

import moderngl
import numpy as np

from face3d_live.camera import Camera
from face3d_live.checks import checked_picture, checked_size
from face3d_live.codes import N_SHAPE, HeadCodes
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.hairstyle import ON_SCALP, Hair
from face3d_live.head.model import Head
from face3d_live.head.topology import LEVELS, Level
from face3d_live.render import features, gpu, hair, lashes, pictures, wires
from face3d_live.render.ambient_occlusion import ambient_occlusion
from face3d_live.render.antialias import antialias
from face3d_live.render.eyes import EyeLook, EyePlaces
from face3d_live.render.glasses import GlassesMeshes
from face3d_live.render.gloss import GlossPlaces
from face3d_live.render.hair import HairLook
from face3d_live.render.hair_mesh import HairMeshes
from face3d_live.render.mouth import MouthLook, MouthPlaces
from face3d_live.render.paint import paint
from face3d_live.render.uniforms import faces_viewer, lamp, placing, scalp, unit
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

#: The skin where no texture is known, picture values.
FLAT_SKIN = (203, 158, 134)
_OPEN_MOUTH = 0.015  # metres between the lips that let all light in
_MATERIALS = ("skin", "hair", "eye", "mouth")
_STUDIO_MODES = ("avatar", "wireframe")


class _Texture(NamedTuple):
    table: moderngl.Texture
    hair: HairLook
    eyes: EyeLook
    mouth: MouthLook
    gloss: Array


class Renderer:
    """Draws one head. Belongs to the thread and process that makes it; several may live side by side.

    level: the mesh's, "low", "medium" or "high". samples: 1 smooths edges afterwards; 4 multisamples them, which takes
    three times as long on a CPU.
    Raises AssetError "egl-missing" when OpenGL is not installed, ValueError for impossible sizes, levels and samples.
    """

    def __init__(self, head: Head, width: int, height: int, level: Level = "medium", samples: int = 1) -> None:
        width, height, samples = (
            checked_size(value, name) for value, name in ((width, "width"), (height, "height"), (samples, "samples"))
        )
        if level not in LEVELS:
            raise ValueError(f"level: expected one of {', '.join(LEVELS)}, got {level!r}")
        self._head, self._mesh, self._low = head, head.topology(level), head.topology("low")
        self._samples = samples
        self._skin = head.part == 0
        self._identity(np.zeros(N_SHAPE, np.float32))
        self._ctx = gpu.create_context()
        self.software = gpu.is_software(self._ctx)
        self._textures: dict[str, _Texture] = {}
        with self._ctx:
            self._load(head)
            self._targets = gpu.Targets(self._ctx, samples)
            self._target = self._targets.of(width, height)
        self.set_texture(self._plain_skin)

    @classmethod
    def load(cls, width: int = 512, height: int = 512, level: Level = "medium", samples: int = 1) -> Renderer:
        """A renderer of the head that comes with the project. Raises AssetError: "head-missing", "egl-missing"."""
        return cls(Head.load(), width, height, level, samples)

    def _load(self, head: Head) -> None:
        """Compile the programs and upload everything that never changes."""
        ctx, mesh = self._ctx, self._mesh
        self._programs = {name: gpu.load_program(ctx, "head.vert", f"{name}.frag") for name in (*_MATERIALS, "clay")}
        self._programs["under"] = gpu.load_program(ctx, "head.vert", "under.frag")
        self._programs["lash"] = gpu.load_program(ctx, "lash.vert", "lash.frag")
        self._programs["wires"] = gpu.load_program(ctx, "wires.vert", "wires.frag")
        rest = mesh.refine(head.template)
        occlusion = ambient_occlusion(ctx, head.template, self._low.faces, rest, mesh.normals(rest))
        self._drawn = features.measure(head, mesh, occlusion)
        self._eyes, self._mouth, self._gloss = EyePlaces(head, mesh), MouthPlaces(head, mesh), GlossPlaces(head, mesh)
        self._plain_skin = paint(ctx, mesh, self._drawn, _default_skin(), hair.DARK_BROWN)
        moving = {"position": 3, "normal": 3}
        fixed: dict[str, AnyArray] = {
            "uv": mesh.uv,
            "rest": self._drawn.rest,
            "trait": self._drawn.trait,
            "part": self._drawn.part,
            "face_edge": self._drawn.face,
            "wreath_edge": self._drawn.wreath,
            "tooth": self._drawn.tooth,
        }
        self._solid = gpu.MovingMesh(ctx, self._drawn.groups, fixed, moving | {"hair_open": 1, "skin_gloss": 1})
        self._hair, self._glasses = HairMeshes(ctx, head, mesh), GlassesMeshes(ctx, head, mesh)
        self._shading: object = None  # what the skin's shading was written for
        self._shining: Array | None = None  # the gloss that was written
        self._lashes = lashes.measure(head)
        self._ribbons = gpu.MovingMesh(ctx, {"all": self._lashes.faces}, {"along": self._lashes.along}, {"position": 3})
        self._corner_vertex = self._low.faces.ravel()
        tints = wires.region_tints(head)[self._corner_vertex]
        apart = np.arange(len(self._corner_vertex)).reshape(-1, 3)
        self._wires = gpu.MovingMesh(ctx, {"all": apart}, {"tint": tints, "corner": wires.corners(head)}, moving)

    @property
    def plain_skin(self) -> Picture:  # (S, S, 3) sRGB
        """The texture of a head of which nothing is known."""
        return np.asarray(self._plain_skin[..., :3])

    def _identity(self, shape: Array) -> None:
        """Compute the neutral head of a shape and its box. They are kept, as an identity rarely changes."""
        self._shape, self._neutral = shape, self._head.neutral(shape)
        skin = self._neutral[self._skin]
        self._box = skin.min(0), skin.max(0)

    def set_texture(self, image: Picture, key: str = "default", looks_of: Picture | None = None) -> None:
        """Keep an albedo (S, S, 3 or 4) sRGB uint8, row 0 on top, under `key`; it replaces an older one.

        Where its alpha is low the default skin shows. Hair and eyes take the colours that the texture has on scalp and
        eyeballs, or `looks_of` has, where the image is a mixture.
        Raises ValueError for other arrays.
        """
        image = checked_picture(image, (3, 4), "texture")
        looks = image if looks_of is None else checked_picture(looks_of, (3, 4), "looks_of")
        roots = pictures.roots(pictures.over(image, self._plain_skin))
        hair_look, eye_look = hair.look_in(looks, self._mesh.uv, self._drawn), self._eyes.look_in(looks)
        mouth_look, gloss = self._mouth.look_in(looks), self._gloss.look_in(looks)
        with self._ctx:
            if key in self._textures:
                self._textures.pop(key).table.release()
            self._textures[key] = _Texture(gpu.texture_from(self._ctx, roots), hair_look, eye_look, mouth_look, gloss)

    def resize(self, width: int, height: int) -> None:
        """Pictures of another size from now on; going back and forth between a few costs nothing.

        Raises ValueError for sizes that are no whole numbers above zero.
        """
        width, height = checked_size(width, "width"), checked_size(height, "height")
        with self._ctx:
            self._target = self._targets.of(width, height)

    def close(self) -> None:
        """Release all OpenGL objects. The renderer cannot be used afterwards."""
        with self._ctx:
            gpu.release(texture.table for texture in self._textures.values())
            solids = self._solid, self._ribbons, self._wires, self._hair, self._glasses
            gpu.release([*solids, self._targets, *self._programs.values()])
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
        hair: Hair | None = None,
        glasses: Glasses | None = None,
        face_only: bool = False,
    ) -> Picture:  # -> (height, width, 4) uint8, row 0 on top
        """The head as a picture.

        camera: the tracked one; only "overlay" uses it, cut to the picture's shape. view: the viewer's orbit in the
        other modes. texture: a key of `set_texture`. hair: style and colour in place of the texture's. glasses: none by
        default. face_only: no hair, ears or neck, and a soft edge, as is wanted over the camera's own picture.

        Raises ValueError for unknown modes, keys and backgrounds; AssetError: "hair-missing", "hair-broken".
        """
        if not np.array_equal(codes.shape, self._shape):
            self._identity(codes.shape)
        width, height = self._target.width, self._target.height
        over = Pose(codes.rotation, codes.translation, camera_to_cover(camera, width, height))
        box = self._box[0], self._box[1] + np.array([0, self._rise(mode, texture, hair), 0], np.float32)
        alone = portrait(view or View(), codes.rotation, box, width, height)
        pose, light = staged(mode, codes.light, over, alone)
        vertices = self._head.posed(self._neutral, codes.shape, codes.expression)
        return self.render_vertices(
            vertices, pose, light, mode=mode, background=background, texture=texture, hair=hair, glasses=glasses,
            face_only=face_only,
        )  # fmt: skip

    def render_vertices(
        self,
        vertices: AnyArray,  # (V, 3) low level, head frame
        pose: Pose,
        light: AnyArray,  # (27,)
        *,
        mode: Mode = "avatar",
        background: Background = None,
        texture: str = "default",
        hair: Hair | None = None,
        glasses: Glasses | None = None,
        face_only: bool = False,
    ) -> Picture:  # -> (height, width, 4)
        """The lower level of `render`: any vertices, at any pose, in any light. Glasses fit the head that `render` drew
        last. Raises as `render` does."""
        checked_mode(mode)
        background = checked_background(background)
        if texture not in self._textures:
            raise ValueError(f"texture: {texture!r} was not set: set_texture first, known are {sorted(self._textures)}")
        if background is None and mode not in _STUDIO_MODES:
            background = "transparent"
        with self._ctx as ctx:
            self._begin(background)
            ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
            ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
            if mode == "wireframe":
                self._draw_wires(vertices, placing(pose, light))
            else:
                self._draw_solid(vertices, pose, light, mode, texture, hair, glasses or NO_GLASSES, face_only)
            picture = self._target.read()
        if self._samples == 1:
            antialias(picture)
        if isinstance(background, str):
            pictures.unmultiply(picture)
        else:
            picture[..., 3] = 255
        return picture

    def _begin(self, background: Background) -> None:
        """Clear the target to the background with alpha 0: alpha is the head's coverage."""
        if isinstance(background, tuple):
            self._target.begin((*background, 0.0))
            return
        if isinstance(background, str):
            self._target.begin()
            return
        size, behind = (self._target.width, self._target.height), self._target.backdrop
        if background is not None:
            behind.write(pictures.resized_to_cover(background, *size))
        elif not behind.is_studio:
            behind.write(pictures.studio(*size), is_studio=True)
        self._target.begin_over()

    def _draw_solid(
        self,
        vertices: AnyArray,
        pose: Pose,
        light: AnyArray,
        mode: Mode,
        texture: str,
        wish: Hair | None,
        glasses: Glasses,
        face_only: bool,
    ) -> None:
        """Skin, hair, eyes and mouth; or all of them in clay."""
        normals = self._move(vertices)
        uniforms = placing(pose, light) | self._drawn.uniforms | {"face_only": float(face_only)}
        if mode == "geometry":
            self._shade("bald", NO_GLASSES)
            self._draw("clay", _MATERIALS, uniforms | {"hair_volume": 0.0})
            return
        albedo = self._textures[texture]
        look = albedo.hair if wish is None else albedo.hair.wished(wish)
        style = "bald" if face_only else look.style
        self._shade(style, glasses)
        if self._shining is not albedo.gloss:
            self._solid.write("skin_gloss", albedo.gloss)
            self._shining = albedo.gloss
        uniforms |= lamp(light) | scalp(look, albedo.hair.style)
        uniforms |= {"iris_colour": albedo.eyes.iris, "sclera_colour": albedo.eyes.sclera}
        uniforms |= {"teeth_tint": albedo.mouth.teeth, "flesh_tint": albedo.mouth.flesh}
        uniforms["gaze"] = unit(normals[self._drawn.poles]) @ pose.rotation.T
        uniforms["mouth_open"] = self._mouth_open(vertices)
        self._hair.draw_solid(style, vertices, pose, uniforms)
        self._glasses.draw_frame(glasses, uniforms)
        albedo.table.use(0)
        if face_only:
            self._draw("skin", ("face",), uniforms | {"hair_volume": 0.0})
        else:
            self._draw("skin", ("skin",), uniforms)
            self._draw("hair" if look.style in ON_SCALP else "under", ("hair",), uniforms)
        for material in ("eye", "mouth") if faces_viewer(pose) else ():
            self._draw(material, (material,), uniforms)
        self._draw_lashes(vertices, uniforms)
        self._glasses.draw_lenses(glasses, uniforms)
        self._hair.draw_edges(style, pose)

    def _rise(self, mode: Mode, texture: str, wish: Hair | None) -> float:
        """How much higher than the skull the picture's hair is, metres."""
        if mode != "avatar" or texture not in self._textures:
            return 0.0
        with self._ctx:
            return self._hair.rise((wish and wish.style) or self._textures[texture].hair.style)

    def _shade(self, style: str, glasses: Glasses) -> None:
        """Write what light hair and glasses leave the skin, when they or the identity have changed."""
        wanted = style, glasses.style, id(self._neutral) if glasses.drawn else None
        if wanted != self._shading:
            left = self._hair.skin_open(style) * self._glasses.skin_open(glasses, self._neutral)
            self._solid.write("hair_open", left)
            self._shading = wanted

    def _move(self, vertices: AnyArray) -> Array:
        """Write this frame's positions and normals (returned, (U, 3), of any length).

        Normals are those of the low level, carried to the finer one as positions are: a quarter of the faces.
        """
        moved = np.concatenate([vertices, self._low.normals(vertices)], axis=1, dtype=np.float32)
        moved = self._mesh.refine(moved)[self._mesh.split_vertex]  # (U, 6): both at once, the matrix is read once
        self._solid.write("position", moved[:, :3])
        self._solid.write("normal", moved[:, 3:])
        return moved[:, 3:]

    def _mouth_open(self, vertices: AnyArray) -> float:
        """How much light falls into the mouth, 0..1."""
        upper, lower = self._head.points(vertices, [features.UPPER_LIP, features.LOWER_LIP])[:, 1]
        return float(np.clip((upper - lower) / _OPEN_MOUTH, 0, 1))

    def _draw(self, program: str, groups: tuple[str, ...], uniforms: dict[str, object]) -> None:
        gpu.set_uniforms(self._programs[program], uniforms)
        for group in groups:
            self._solid.draw(self._programs[program], group)

    def _draw_lashes(self, vertices: AnyArray, uniforms: dict[str, object]) -> None:
        """Drawn last: they are blended, and visible from both sides."""
        self._ribbons.write("position", self._lashes.place(vertices))
        gpu.set_uniforms(self._programs["lash"], uniforms)
        self._ctx.disable(moderngl.CULL_FACE)
        self._ribbons.draw(self._programs["lash"], "all")

    def _draw_wires(self, vertices: AnyArray, uniforms: dict[str, object]) -> None:
        self._wires.write("position", vertices[self._corner_vertex])
        self._wires.write("normal", self._low.normals(vertices)[self._corner_vertex])
        gpu.set_uniforms(self._programs["wires"], uniforms)
        self._wires.draw(self._programs["wires"], "all")


def _default_skin() -> Picture:
    return np.full((4, 4, 3), FLAT_SKIN, np.uint8)
