"""The VRM extensions: bones, expressions, look-at ranges, materials.

Sources: vrm-c/vrm-specification, `0.0` (extension `VRM`) and `VRMC_vrm-1.0` with `VRMC_materials_mtoon-1.0`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from face3d_live.avatar.expressions import Expression, version_0, version_1
from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json
from face3d_live.avatar.model import BONES
from face3d_live.typing import Array

#: Eye range where the file has none: the eyes turn by the whole gaze, degrees.
ANY_RANGE = np.array([[90.0, 90.0]] * 4, np.float32)
_INWARDS_TO_DOWN = ("HorizontalInner", "HorizontalOuter", "VerticalUp", "VerticalDown")


@dataclass(frozen=True, eq=False)
class Vrm:
    """The content of the VRM extension; empty for a plain GLB.

    expressions: by name, the presets by their VRM 1 names, others by their own. look: what turns the eyes, where the
    file has it; eye_range: for bones, see `model.Avatar`. look_range: for expressions, lookLeft, lookRight, lookUp,
    lookDown -> degrees of gaze at which the weight is largest, and that weight; empty where the file has none.
    """

    kind: Literal["glb", "vrm0", "vrm1"] = "glb"
    name: str = ""
    author: str = ""
    bones: dict[str, int] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)
    look: Literal["bone", "expression", ""] = ""
    look_range: dict[str, tuple[float, float]] = field(default_factory=dict)
    eye_range: Array = field(default_factory=ANY_RANGE.copy)
    materials: tuple[Json, ...] = ()


def read_vrm(root: Json, nodes: int) -> Vrm:
    """The file's VRM extension, of either version. Raises InputError "avatar-broken", "avatar-too-complex"."""
    extensions = fields.mapping(root, "extensions")
    if "VRMC_vrm" in extensions:
        return _version_1(fields.mapping(extensions, "VRMC_vrm"), nodes)
    if "VRM" in extensions:
        names = [fields.text(material, "name") for material in fields.objects(root, "materials", 2000)]
        return _version_0(fields.mapping(extensions, "VRM"), nodes, names)
    return Vrm()


def _version_0(vrm: Json, nodes: int, materials: list[str]) -> Vrm:
    meta, looks = fields.mapping(vrm, "meta"), fields.mapping(vrm, "firstPerson")
    bones: dict[str, int] = {}
    for bone in fields.objects(fields.mapping(vrm, "humanoid"), "humanBones", 200):
        node = fields.index(bone, "node", nodes, "node")
        if bone.get("bone") in BONES and node is not None:
            bones[bone["bone"]] = node
    ranges = [_range(looks, f"lookAt{way}", "xRange", "yRange") for way in _INWARDS_TO_DOWN]
    kinds: dict[str, Literal["bone", "expression"]] = {"bone": "bone", "blendshape": "expression"}
    return Vrm(
        "vrm0",
        fields.text(meta, "title"),
        fields.text(meta, "author"),
        bones,
        version_0(vrm, materials),
        kinds.get(fields.text(looks, "lookAtTypeName").lower(), ""),
        _look_range(looks, "lookAt", "xRange", "yRange"),
        np.array(ranges, np.float32),
        tuple(fields.objects(vrm, "materialProperties", 2000)),
    )


def _version_1(vrm: Json, nodes: int) -> Vrm:
    meta, looks = fields.mapping(vrm, "meta"), fields.mapping(vrm, "lookAt")
    bones: dict[str, int] = {}
    human = fields.mapping(fields.mapping(vrm, "humanoid"), "humanBones")
    for name in BONES:
        node = fields.index(fields.mapping(human, name), "node", nodes, "node")
        if node is not None:
            bones[name] = node
    ranges = [_range(looks, f"rangeMap{way}", "inputMaxValue", "outputScale") for way in _INWARDS_TO_DOWN]
    authors = [author for author in fields.listed(meta, "authors", 100) if isinstance(author, str)]
    kinds: dict[str, Literal["bone", "expression"]] = {"bone": "bone", "expression": "expression"}
    return Vrm(
        "vrm1",
        fields.text(meta, "name"),
        ", ".join(authors)[:200],
        bones,
        version_1(vrm),
        kinds.get(fields.text(looks, "type").lower(), ""),
        _look_range(looks, "rangeMap", "inputMaxValue", "outputScale"),
        np.array(ranges, np.float32),
    )


def _range(looks: Json, key: str, most: str, turn: str) -> tuple[float, float]:
    """Degrees of gaze at which the eye turns furthest, and how far it then has turned."""
    curve = fields.mapping(looks, key)
    widest = fields.number(curve, most, 90)
    turned = fields.number(curve, turn, widest)
    # Files that drive the look by morphs hold ranges of 0..1 here, which are no degrees.
    return (widest, min(max(turned, 0.0), 90.0)) if widest > 1 else (90.0, 90.0)


def _look_range(looks: Json, prefix: str, most: str, weight: str) -> dict[str, tuple[float, float]]:
    """Ranges of looks by expressions: both eyes use the outer range. Ranges that are no degrees are ignored."""
    ways = {"lookLeft": "HorizontalOuter", "lookRight": "HorizontalOuter",
            "lookUp": "VerticalUp", "lookDown": "VerticalDown"}  # fmt: skip
    found = {}
    for name, way in ways.items():
        curve = fields.mapping(looks, prefix + way)
        widest = fields.number(curve, most, 0.0)
        if widest > 1:
            found[name] = widest, max(fields.number(curve, weight, 1.0), 0.0)
    return found
