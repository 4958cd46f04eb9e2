"""`Avatar`: a loaded avatar as arrays and numbers, without I/O and OpenGL; it can be pickled.

Avatar frame: right-handed, +y up, +z out of the face, +x towards the subject's left; the origin is where the head
turns, and the head is `HEAD_HEIGHT` high, so about metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import Array, Mask, Picture

#: Height that every avatar's head, as far as it is shown, is scaled to.
HEAD_HEIGHT = 0.28

#: What moves: columns of `Part.bones`. The rest of the weight is the body's, which stands still.
BONES = ("neck", "head", "leftEye", "rightEye")
NECK, HEAD, LEFT_EYE, RIGHT_EYE = range(4)

AlphaMode = Literal["opaque", "mask", "blend"]
#: lit: as the renderer lights skin; toon: two tones, flat; unlit: the picture's own colours.
Style = Literal["lit", "toon", "unlit"]


@dataclass(frozen=True, eq=False)
class Image:
    """(H, W, 4), row 0 on top, and whether it repeats beyond 0..1 along u and v. linear: no colours but numbers."""

    rgba: Picture
    repeat: tuple[bool, bool]
    linear: bool = False


@dataclass(frozen=True)
class Map:
    """A picture of a property: index into `Avatar.images`, and by which of a part's two coordinates it lies (0, 1)."""

    image: int
    layer: int


@dataclass(frozen=True, eq=False)
class Material:
    """A material, with glTF's meaning. colour (4,), shade (3,), emissive (3,): linear; each multiplies its map.

    emissive_strength: included in `emissive`; multiplies what an expression sets. image: the base colour's index into
    `Avatar.images`, or None; its layer is 0. order: blended surfaces with a higher one are drawn later. metallic,
    roughness: multiply blue and green of `metallic_roughness_map`. normal_scale: of `normal_map`, in tangent space.
    occlusion_strength: of `occlusion_map`, whose red is the share of ambient light. places (L, 5): the transforms of
    its textures, already applied to each of a part's coordinates: offset u, v, scale u, v, rotation in radians.
    """

    colour: Array
    image: int | None
    alpha: AlphaMode
    cutoff: float
    double_sided: bool
    style: Style
    shade: Array
    emissive: Array
    order: int = 0
    emissive_strength: float = 1.0
    metallic: float = 0.0
    roughness: float = 0.6
    normal_scale: float = 1.0
    occlusion_strength: float = 1.0
    emissive_map: Map | None = None
    normal_map: Map | None = None
    metallic_roughness_map: Map | None = None
    occlusion_map: Map | None = None
    places: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 5)))


@dataclass(frozen=True, eq=False)
class Change:
    """What an expression does to a material at weight 1. expression: row of `Expressions`; material: of `Avatar`.

    amount: added to the material's own, as long as that: "colour" (4,), "shade" and "emissive" (3,), of "place" offset
    and scale of each coordinate (L, 4).
    """

    expression: int
    material: int
    part: Literal["colour", "shade", "emissive", "place"]
    amount: NDArray[np.float64]


#: What expressions of VRM override in others: columns of `Expressions.overrides`, and 1 + column is a `kinds`.
OVERRIDDEN = ("blink", "lookAt", "mouth")
BLEND, BLOCK = 1, 2


@dataclass(frozen=True, eq=False)
class Expressions:
    """The VRM expressions in use, E of them; none for a plain GLB.

    sources (E, 52 + P): shares of each ARKit coefficient and of each of `presets.PRESETS`. limits (E,): the largest
    weight. binary (E,) bool: above 0.5 all, else nothing. kinds (E,): 0, or 1 + column of `OVERRIDDEN` that it is.
    overrides (E, 3): 0, BLEND or BLOCK.
    """

    names: tuple[str, ...]
    sources: Array
    limits: Array
    binary: Mask
    kinds: NDArray[np.int8]
    overrides: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Part:
    """Triangles of one material, at rest, with what moves them. The file's default weights are in both.

    positions, normals (N, 3), uv (N, 4): two coordinates, each with v downwards, colours (N, 4) linear, faces (F, 3),
    bones (N, 4) weights of `BONES`. touched (M,): the vertices that morphs move; morphs (K, M, 6): by how much at
    weight 1, positions and normals; rows (K,): the rows of `Avatar.drive` that give those weights.
    """

    material: int
    positions: Array
    normals: Array
    uv: Array
    colours: Array
    faces: NDArray[np.int32]
    bones: Array
    touched: NDArray[np.int32]
    morphs: Array
    rows: NDArray[np.int32]


@dataclass(frozen=True)
class Report:
    """What was found in the file. found, missing: ARKit names. expressions: VRM presets in use. bones: of `BONES`."""

    kind: Literal["glb", "vrm0", "vrm1"]
    name: str
    author: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    expressions: tuple[str, ...]
    bones: tuple[str, ...]
    triangles: int
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        lists = ("found", "missing", "expressions", "bones", "warnings")
        plain: dict[str, object] = {key: list(getattr(self, key)) for key in lists}
        return {"kind": self.kind, "name": self.name, "author": self.author, "triangles": self.triangles} | plain


@dataclass(frozen=True, eq=False)
class Avatar:
    """A loaded avatar.

    drive (R, 52 + E): row of a morph -> its share of each ARKit coefficient and of each of `expressions`.
    changes: what the expressions do to materials.
    pivots (4, 3): where `BONES` turn. eye_turns (2,) bool: the eye is turned by its bone, left and right.
    eye_range (4, 2): degrees of gaze inwards, outwards, up, down -> degrees the eye turns; linear, then constant.
    eyes (2, 3): where the eyes are, left and right. low, high (3,): the box of the head as far as it is shown.
    """

    parts: tuple[Part, ...]
    materials: tuple[Material, ...]
    images: tuple[Image, ...]
    drive: Array
    expressions: Expressions
    changes: tuple[Change, ...]
    pivots: Array
    eye_turns: tuple[bool, bool]
    eye_range: Array
    eyes: Array
    low: Array
    high: Array
    report: Report
