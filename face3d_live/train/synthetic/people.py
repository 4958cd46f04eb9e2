"""Puts a synthetic person together: pose, skin, hair, clothes, glasses and light around a head of known shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.codes import INDEX, N_TEXTURE
from face3d_live.head import points as landmarks
from face3d_live.train.synthetic.appearance import Appearance, sample_cloth, sample_look
from face3d_live.train.synthetic.identities import Identity
from face3d_live.train.synthetic.props import glasses, headphones, peak, shoulders
from face3d_live.train.synthetic.render import Painter, Prop, Subject
from face3d_live.train.synthetic.scene import Placement, place, sample_light
from face3d_live.train.synthetic.skins import Skin
from face3d_live.typing import AnyArray, Array

TextureCode = Callable[[int, AnyArray], Array]  # skin number, (3,) linear tone -> (50,)

_EYES = np.array([*landmarks.EYE_LEFT, *landmarks.EYE_RIGHT, *landmarks.IRIS_LEFT, *landmarks.IRIS_RIGHT])
_LENS = {
    "second": (0.0, 0.0, 0.0),
    "pattern": (0.0, 0.0, 0.0, 1.0),
    "edge": -1.0,
    "ragged": 0.0,
    "neckline": 9.0,
    "lift": 0.0,
    "thin": 0.0,
}


@dataclass(frozen=True)
class Person:
    """What to draw and what only this module knows of it. texture (50,): zero where no code is known.
    hidden: points that cannot be seen although nothing solid is drawn before them."""

    subject: Subject
    texture: Array
    hidden: NDArray[np.int64]


class PersonSampler:
    """Draws persons. texture_code: gives the albedo code of a toned skin, where a model of albedo is at hand."""

    def __init__(self, painter: Painter, skins: list[Skin], texture_code: TextureCode | None = None) -> None:
        self.painter, self.skins, self.texture_code = painter, skins, texture_code
        self._lifted = [i for i, skin in enumerate(skins) if skin.lifted]
        self._drawn = [i for i, skin in enumerate(skins) if not skin.lifted]
        # A bob hides an eye: it should not come up too often.
        shares = np.array([0.25 if style.name.startswith("bob") else 1.0 for style in painter.styles])
        self._style_shares = shares / shares.sum()

    def sample(
        self,
        rng: np.random.Generator,
        identity: Identity,
        vertices: Array,
        points: Array,
        expression: Array,
        rotation: Array,
    ) -> Person:
        """identity, its vertices (V, 3) and points (478, 3) with this expression (52,) -> the whole person, turned by
        rotation (3, 3)."""
        number = self._skin(rng)
        skin = self.skins[number]
        look = sample_look(rng, skin.mean, skin.lifted, not skin.lifted)
        distance = float(np.exp(rng.uniform(np.log(0.28), np.log(1.8))))
        where = place(points, rotation, distance)
        style = None
        if look.hair == "style" and not look.hat and self.painter.styles:
            style = int(rng.choice(len(self.painter.styles), p=self._style_shares))
        subject = Subject(
            vertices=vertices,
            neutral=identity.neutral,
            placement=where,
            light=sample_light(rng),
            look=look,
            skin=number,
            style=style,
            caps=_caps(rng, look, style),
            props=self._props(rng, identity, look, where),
            open_mouth=float(np.clip(expression[INDEX["jawOpen"]] * 1.5, 0, 1)),
            seed=float(rng.uniform(0, 50)),
        )
        texture = np.zeros(N_TEXTURE, np.float32)
        if self.texture_code is not None:
            texture = self.texture_code(number, np.array(look.uniforms["tone"]))
        return Person(subject, texture, _EYES if "sunglasses" in look.wears else np.zeros(0, np.int64))

    def _skin(self, rng: np.random.Generator) -> int:
        """Photographed skins three times out of four, where there are any."""
        group = self._lifted if self._lifted and (not self._drawn or rng.random() < 0.75) else self._drawn
        return int(group[rng.integers(len(group))])

    def _props(self, rng: np.random.Generator, identity: Identity, look: Appearance, where: Placement) -> list[Prop]:
        fields, neutral = self.painter.fields, identity.neutral
        ears = neutral[fields.ears]
        props = []
        if rng.random() < 0.93:
            props.append(_torso(rng, neutral[fields.neck], look, where))
        if "headphones" in look.wears:
            plastic = sample_cloth(rng) | {"shine": 0.2}
            props.append(Prop("headphones", headphones(neutral[fields.top], ears, rng), plastic))
        if look.hat == "cap":
            brim = peak(self._hat_front(neutral), 0.062, rng)
            props.append(Prop("peak", brim, sample_cloth(rng)))
        if look.wears & {"glasses", "sunglasses"}:
            eyes = self.painter.head.eye_positions(identity.shape)
            pair = glasses(eyes, neutral[fields.bridge].mean(0), ears, rng)
            metal = sample_cloth(rng) | {"shine": float(rng.uniform(0.05, 0.6))}
            if rng.random() < 0.7:
                shade = float(rng.uniform(0.004, 0.06))
                metal |= {"base": (shade, shade * 0.8, shade * 0.7), "pattern": (0.0, 0.0, 0.0, 1.0)}
            dark = "sunglasses" in look.wears
            lens: dict[str, object] = _LENS | {
                "base": (0.02, 0.02, 0.02) if dark else (0.5, 0.5, 0.5),
                "opacity": 0.93 if dark else float(rng.uniform(0, 0.14)),
                "shine": float(rng.uniform(0.2, 2.0)),
            }
            props += [Prop("frame", pair.frame, metal), Prop("lenses", pair.lenses, lens)]
        return props

    def _hat_front(self, neutral: Array) -> Array:  # (3,)
        """The middle of the hairline."""
        scalp = self.painter.fields.field[:, 1]
        rim = np.flatnonzero((scalp > 0.4) & (scalp < 0.75) & (np.abs(neutral[:, 0]) < 0.02) & (neutral[:, 2] > 0))
        result: Array = (neutral[rim].mean(0) if len(rim) else neutral[self.painter.fields.top]).astype(np.float32)
        return result


def _caps(rng: np.random.Generator, look: Appearance, style: int | None) -> list[dict[str, object]]:
    """Layers over the scalp: hair as a swollen, ragged layer, and a hat's cloth."""
    hair: dict[str, object] = _LENS | {
        "base": tuple(map(float, look.hair_colour)),
        "pattern": (0.0, 0.0, 0.9, 900.0),
        "shine": 0.05,
        "opacity": 1.0,
        "edge": float(rng.uniform(0.55, 0.8)),
        "ragged": float(rng.uniform(0.2, 0.5)),
    }
    layers = []
    if look.hair == "cap" or (look.hair == "style" and style is None and not look.hat):
        thick = float(rng.uniform(0.003, 0.016))
        layers = [hair | {"lift": thick * share, "thin": 0.1 + 0.45 * share} for share in (0.2, 0.45, 0.7, 1.0)]
    if look.hat:
        lift, edge = float(rng.uniform(0.008, 0.016)), float(rng.uniform(0.35, 0.55))
        layers.append(sample_cloth(rng) | {"lift": lift, "edge": edge})
    return layers


def _torso(rng: np.random.Generator, rim: Array, look: Appearance, where: Placement) -> Prop:  # rim (N, 3)
    """Shoulders under the neck, turned part of the way with the head."""
    middle = rim.mean(0)
    radius = float(np.linalg.norm((rim - middle)[:, [0, 2]], axis=1).max())
    shape, neckline = shoulders(np.zeros(3, np.float32), radius, rng)
    yaw, _, roll = rotations.to_euler(where.rotation)
    turn = rotations.from_euler(yaw * rng.uniform(0.1, 0.7), rng.normal(0, 0.08), roll * rng.uniform(0, 0.5))
    foot = where.rotation @ middle + where.translation
    r, g, b = (float(c) for c in look.skin_colour)
    surface = sample_cloth(rng) | {"neckline": neckline, "second": (r, g, b)}
    if rng.random() < 0.85:
        surface["pattern"] = (0.0, 0.0, 0.3, 300.0)
    return Prop("torso", shape, surface, (turn, foot.astype(np.float32)))
