"""The VRM extensions: who is which bone, what the expressions are made of, how far eyes turn, how it is drawn.

Sources: vrm-c/vrm-specification, `0.0` (extension `VRM`) and `VRMC_vrm-1.0` with `VRMC_materials_mtoon-1.0`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar import fields
from face3d_live.avatar.fields import Json
from face3d_live.avatar.model import BONES
from face3d_live.avatar.presets import AS_ARKIT, PRESETS, VRM0

_MAX_EXPRESSIONS = 2000
_MAX_BINDS = 5000

#: Degrees that eyes turn where the file does not say: all that the gaze does.
ANY_RANGE = np.array([[90.0, 90.0]] * 4, np.float32)
_INWARDS_TO_DOWN = ("HorizontalInner", "HorizontalOuter", "VerticalUp", "VerticalDown")


@dataclass(frozen=True)
class Bind:
    """An expression moves target `morph` of a mesh (VRM 0) or of a node's mesh (VRM 1) by `weight`."""

    where: int
    morph: int
    weight: float


@dataclass(frozen=True, eq=False)
class Vrm:
    """What a file says of itself; for a plain GLB: nothing.

    expressions: name -> binds; the presets by their VRM 1 names, others by their own. eye_range: see `model.Avatar`.
    """

    kind: Literal["glb", "vrm0", "vrm1"] = "glb"
    name: str = ""
    author: str = ""
    bones: dict[str, int] = field(default_factory=dict)
    expressions: dict[str, list[Bind]] = field(default_factory=dict)
    eye_range: NDArray[np.float32] = field(default_factory=ANY_RANGE.copy)
    materials: tuple[Json, ...] = ()


def read_vrm(root: Json, nodes: int) -> Vrm:
    """The file's VRM extension, of either version. Raises InputError "avatar-broken", "avatar-too-complex"."""
    extensions = fields.mapping(root, "extensions")
    if "VRMC_vrm" in extensions:
        return _version_1(fields.mapping(extensions, "VRMC_vrm"), nodes)
    if "VRM" in extensions:
        return _version_0(fields.mapping(extensions, "VRM"), nodes)
    return Vrm()


def _version_0(vrm: Json, nodes: int) -> Vrm:
    meta, looks = fields.mapping(vrm, "meta"), fields.mapping(vrm, "firstPerson")
    bones: dict[str, int] = {}
    for bone in fields.objects(fields.mapping(vrm, "humanoid"), "humanBones", 200):
        node = fields.index(bone, "node", nodes, "node")
        if bone.get("bone") in BONES and node is not None:
            bones[bone["bone"]] = node
    expressions: dict[str, list[Bind]] = {}
    for group in fields.objects(fields.mapping(vrm, "blendShapeMaster"), "blendShapeGroups", _MAX_EXPRESSIONS):
        preset, name = fields.text(group, "presetName").lower(), fields.text(group, "name")
        # Files from older tools name the preset only by the group's name.
        name = VRM0.get(preset) or VRM0.get(name.lower(), name)
        binds = [_bind(bind, "mesh", 100) for bind in fields.objects(group, "binds", _MAX_BINDS)]
        expressions.setdefault(name, [bind for bind in binds if bind is not None])
    ranges = [_range(looks, f"lookAt{way}", "xRange", "yRange") for way in _INWARDS_TO_DOWN]
    return Vrm(
        "vrm0",
        fields.text(meta, "title"),
        fields.text(meta, "author"),
        bones,
        expressions,
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
    expressions: dict[str, list[Bind]] = {}
    groups = fields.mapping(vrm, "expressions")
    for kind in ("preset", "custom"):
        for name, expression in list(fields.mapping(groups, kind).items())[:_MAX_EXPRESSIONS]:
            if (kind == "custom" or name in PRESETS or name in AS_ARKIT) and isinstance(expression, dict):
                binds = [_bind(bind, "node", 1) for bind in fields.objects(expression, "morphTargetBinds", _MAX_BINDS)]
                expressions.setdefault(name[:200], [bind for bind in binds if bind is not None])
    ranges = [_range(looks, f"rangeMap{way}", "inputMaxValue", "outputScale") for way in _INWARDS_TO_DOWN]
    authors = [author for author in fields.listed(meta, "authors", 100) if isinstance(author, str)]
    return Vrm(
        "vrm1", fields.text(meta, "name"), ", ".join(authors)[:200], bones, expressions, np.array(ranges, np.float32)
    )


def _bind(bind: Json, where: str, full: float) -> Bind | None:
    """None for a bind that names nothing, as some exporters write."""
    place = fields.index(bind, where, 2**31, where)
    if place is None or bind.get("index") == -1:
        return None
    weight = float(np.clip(fields.number(bind, "weight", full) / full, 0, 1))
    return Bind(place, fields.integer(bind, "index", 0), weight)


def _range(looks: Json, key: str, most: str, turn: str) -> tuple[float, float]:
    """Degrees of gaze at which the eye turns furthest, and how far it then has turned."""
    curve = fields.mapping(looks, key)
    widest = fields.number(curve, most, 90)
    turned = fields.number(curve, turn, widest)
    # Files that drive the look by morphs hold ranges of 0..1 here, which are no degrees.
    return (widest, min(max(turned, 0.0), 90.0)) if widest > 1 else (90.0, 90.0)
