"""Draws synthetic heads: skin, hair, clothes and glasses, in a few milliseconds each on one CPU core."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.model import Head
from face3d_live.render.gpu import MovingMesh, create_context, load_program, set_uniforms, texture_from
from face3d_live.train.synthetic.appearance import Appearance
from face3d_live.train.synthetic.fields import Fields, find_fields
from face3d_live.train.synthetic.hair import HairStyle
from face3d_live.train.synthetic.scene import Light, Placement
from face3d_live.train.synthetic.skins import Skin
from face3d_live.triangles import Shape
from face3d_live.typing import AnyArray, Array


@dataclass(frozen=True)
class Prop:
    """A shape to draw and the uniforms of its surface. pose: rotation and translation where it is not the head's."""

    kind: str
    shape: Shape
    surface: dict[str, object]
    pose: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Subject:
    """One person in front of the camera. vertices (V, 3) as posed by expression, neutral (V, 3), head frame."""

    vertices: Array
    neutral: Array
    placement: Placement
    light: Light
    look: Appearance
    skin: int
    style: int | None
    caps: list[dict[str, object]]  # surfaces over the scalp, inside out
    props: list[Prop]
    open_mouth: float
    seed: float


class Painter:
    """Owns an OpenGL context; use it from the thread that made it. size: side of the picture in pixels."""

    def __init__(self, head: Head, skins: list[Skin], styles: list[HairStyle], size: int) -> None:
        self.head, self.size, self.styles = head, size, styles
        self.fields: Fields = find_fields(head)
        self.ctx = create_context()
        self.mesh = head.topology("low")
        self._skin_program = load_program(self.ctx, "train/head.vert", "train/skin.frag")
        self._inner_program = load_program(self.ctx, "train/head.vert", "train/inner.frag")
        self._prop_program = load_program(self.ctx, "train/prop.vert", "train/prop.frag")
        self._hair_program = load_program(self.ctx, "train/prop.vert", "train/hair.frag")
        self._skins = [texture_from(self.ctx, skin.image) for skin in skins]
        self._strands = [texture_from(self.ctx, style.strands) for style in styles]
        values = np.random.default_rng(0).integers(0, 256, (256, 256, 4), dtype=np.uint8)
        self._grain = self.ctx.texture((256, 256), 4, values.tobytes())
        self._head_mesh, self._cap_mesh = self._surfaces()
        self._hair_meshes = [self._hair_mesh(style) for style in styles]
        self._props: dict[str, MovingMesh] = {}
        colour, depth = self.ctx.texture((size, size), 4), self.ctx.depth_texture((size, size))
        self._target = self.ctx.framebuffer([colour], depth)
        self._rgba = np.empty((size, size, 4), np.uint8)
        self._depth = np.empty((size, size), np.float32)

    def _surfaces(self) -> tuple[MovingMesh, MovingMesh]:
        split, fields = self.mesh.split_vertex, self.fields
        fixed: dict[str, AnyArray] = {
            "uv": self.mesh.uv,
            "rest": self.head.template[split],
            "eyeward": fields.eyeward[split],
            "part": self.head.part[split],
            "field": fields.field[split],
        }
        moving = {"position": 3, "normal": 3}
        scalp = fields.field[:, 1]
        faces = self.mesh.faces[(scalp[self.mesh.faces] > 0.05).any(1)]
        cap_fixed = {"rest": self.head.template, "cover": scalp, "uv": np.zeros((len(scalp), 2), np.float32)}
        inner = (self.head.part[self.mesh.faces] > 0).all(1)
        groups = {"skin": self.mesh.face_uv[~inner], "inner": self.mesh.face_uv[inner]}
        head = MovingMesh(self.ctx, groups, fixed, moving)
        return head, MovingMesh(self.ctx, {"all": faces}, cap_fixed, moving)

    def _hair_mesh(self, style: HairStyle) -> MovingMesh:
        corner = style.corner_vertex
        fixed: dict[str, AnyArray] = {
            "rest": style.vertices[corner],
            "uv": style.corner_uv,
            "normal": style.normals[corner],
            "cover": np.zeros(len(corner)),
        }
        return MovingMesh(self.ctx, {"all": style.faces}, fixed, {"position": 3})

    def draw(self, subject: Subject) -> tuple[NDArray[np.uint8], Array]:
        """-> rgba (size, size, 4), premultiplied by coverage, and depth (size, size), see `metres`; row 0 on top."""
        place, look = subject.placement, subject.look
        shared = {
            "projection": place.clip_matrix().T,
            "rotation": place.rotation.T,
            "translation": tuple(map(float, place.translation)),
            "light": subject.light.soft,
            "key": tuple(map(float, subject.light.direction)),
            "key_colour": tuple(map(float, subject.light.lamp)),
            "seed": subject.seed,
            "grain": 1,
        }
        with self.ctx:
            self._grain.use(1)
            self._target.use()
            self._target.clear(0, 0, 0, 0)
            self.ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
            normals = self.mesh.normals(subject.vertices)
            self._draw_head(subject, normals, shared)
            self.ctx.disable(moderngl.CULL_FACE)  # hair and clothes are single sheets, seen from both sides
            for surface in subject.caps:
                self._cap_mesh.write("position", subject.vertices)
                self._cap_mesh.write("normal", normals)
                set_uniforms(self._prop_program, {**shared, **surface})
                self._cap_mesh.draw(self._prop_program, "all")
            if subject.style is not None:
                self._draw_hair(subject.style, subject, shared, look)
            for prop in subject.props:
                self._draw_prop(prop, shared)
            self._target.read_into(self._rgba, components=4)
            self._target.read_into(self._depth, components=1, attachment=-1, dtype="f4")
        return self._rgba[::-1].copy(), self._depth[::-1].copy()

    def _draw_head(self, subject: Subject, normals: Array, shared: dict[str, object]) -> None:
        split, fields = self.mesh.split_vertex, self.fields
        self._head_mesh.write("position", subject.vertices[split])
        self._head_mesh.write("normal", normals[split])
        own: dict[str, object] = {
            "brow_curve": fields.brow_curve,
            "brow_span": fields.brow_ends,
            "eye_level": fields.eye_level,
            "mouth_light": 0.35 + 0.5 * subject.open_mouth,
        }
        self._skins[subject.skin].use(0)
        for name, program in (("skin", self._skin_program), ("inner", self._inner_program)):
            set_uniforms(program, {**shared, **subject.look.uniforms, **own})
            self._head_mesh.draw(program, name)

    def _draw_hair(self, number: int, subject: Subject, shared: dict[str, object], look: Appearance) -> None:
        style = self.styles[number]
        on = style.on(self.head.template, subject.neutral)
        self._hair_meshes[number].write("position", on[style.corner_vertex])
        colour = tuple(map(float, look.hair_colour))
        set_uniforms(self._hair_program, {**shared, "base": colour, "shine": 0.6, "lift": 0.0})
        self._strands[number].use(0)
        self._hair_meshes[number].draw(self._hair_program, "all")

    def _draw_prop(self, prop: Prop, shared: dict[str, object]) -> None:
        mesh = self._props.get(prop.kind)
        if mesh is None:
            count = len(prop.shape.vertices)
            fixed = {"cover": np.ones(count), "uv": np.zeros((count, 2))}
            mesh = MovingMesh(self.ctx, {"all": prop.shape.faces}, fixed, {"position": 3, "normal": 3, "rest": 3})
            self._props[prop.kind] = mesh
        mesh.write("position", prop.shape.vertices)
        mesh.write("normal", prop.shape.normals)
        mesh.write("rest", prop.shape.vertices)
        values = {**shared, **prop.surface}
        if prop.pose is not None:
            values |= {"rotation": prop.pose[0].T, "translation": tuple(map(float, prop.pose[1]))}
        set_uniforms(self._prop_program, values)
        glass = prop.kind == "lenses"
        if glass:
            self.ctx.enable(moderngl.BLEND)
            over = moderngl.ONE_MINUS_SRC_ALPHA
            self.ctx.blend_func = (moderngl.SRC_ALPHA, over, moderngl.ONE, over)  # type: ignore[assignment]
            self._target.depth_mask = False
        mesh.draw(self._prop_program, "all")
        if glass:
            self.ctx.disable(moderngl.BLEND)
            self._target.depth_mask = True


def metres(depth: AnyArray, near: float = 0.05, far: float = 6.0) -> Array:
    """The depth buffer's values as distance along the optical axis, with the planes of `Placement.clip_matrix`."""
    return (2 * near * far / (far + near - (2 * depth - 1) * (far - near))).astype(np.float32)
