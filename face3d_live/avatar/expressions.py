"""VRM expressions as parsed from a file: morph, colour and texture-transform binds, and overrides.

Sources: vrm-c/vrm-specification, `VRMC_vrm-1.0/expressions.md`; `0.0` (blendShapeMaster), whose material values are
Unity's: colours in sRGB, texture offsets with v upwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json
from face3d_live.avatar.presets import AS_ARKIT, PRESETS, VRM0

_MAX_EXPRESSIONS = 2000
_MAX_BINDS = 5000

Property = Literal["colour", "shade", "emissive", "place"]
Override = Literal["none", "block", "blend"]

#: What of a material an expression may change and the renderer draws, by the names of VRM 1.0 and of Unity's shaders.
_COLOURS: dict[str, Property] = {"color": "colour", "shadeColor": "shade", "emissionColor": "emissive"}
_UNITY: dict[str, Property] = {
    "_Color": "colour",
    "_BaseColor": "colour",
    "_ShadeColor": "shade",
    "_EmissionColor": "emissive",
}
#: Unity's texture transforms: both axes, u alone, v alone. MToon's and the others' textures all go by the main one's.
_UNITY_AXES = {"_ST": (True, True), "_ST_S": (True, False), "_ST_T": (False, True)}
_UNITY_MAIN = ("_MainTex", "_BaseMap")
_PRESET_NAMES = {name.lower(): name for name in (*PRESETS, *AS_ARKIT, "neutral")}
#: Of linear light from Unity's colours.
_GAMMA = 2.2


@dataclass(frozen=True)
class Bind:
    """An expression moves target `morph` of a mesh (VRM 0) or of a node's mesh (VRM 1) by `weight`."""

    where: int
    morph: int
    weight: float


@dataclass(frozen=True, eq=False)
class Repaint:
    """An expression changes a material. value: what `part` becomes at weight 1, NaN where it stays.

    "colour": linear RGBA (4,). "shade", "emissive": linear RGB (3,). "place": offset u, v and scale u, v of its
    textures, v downwards (4,).
    """

    material: int
    part: Property
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Expression:
    """binary: weights above 0.5 are 1, others 0. overrides: what it does to blinks, looks and the mouth.

    left_out: names of material properties that it changes and that are not drawn.
    """

    binds: list[Bind] = field(default_factory=list)
    repaints: list[Repaint] = field(default_factory=list)
    binary: bool = False
    overrides: tuple[Override, Override, Override] = ("none", "none", "none")
    left_out: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it does anything."""
        return bool(self.binds or self.repaints or self.left_out or any(way != "none" for way in self.overrides))


def version_1(vrm: Json) -> dict[str, Expression]:
    """Name -> expression of VRM 1.0; presets by their own names, whatever case the file has."""
    found: dict[str, Expression] = {}
    groups = fields.mapping(vrm, "expressions")
    for kind in ("preset", "custom"):
        for name, plain in list(fields.mapping(groups, kind).items())[:_MAX_EXPRESSIONS]:
            preset = _PRESET_NAMES.get(name.lower())
            if isinstance(plain, dict) and (kind == "custom" or preset):
                _keep(found, preset or name[:200], _expression_1(plain))
    return found


def version_0(vrm: Json, materials: list[str]) -> dict[str, Expression]:
    """Name -> expression of VRM 0.x; presets by their names in VRM 1.0. materials: their names in the file."""
    found: dict[str, Expression] = {}
    for group in fields.objects(fields.mapping(vrm, "blendShapeMaster"), "blendShapeGroups", _MAX_EXPRESSIONS):
        preset, name = fields.text(group, "presetName").lower(), fields.text(group, "name")
        # Files from older tools name the preset only by the group's name.
        _keep(found, VRM0.get(preset) or VRM0.get(name.lower(), name), _expression_0(group, materials))
    return found


def _keep(found: dict[str, Expression], name: str, expression: Expression) -> None:
    """The first of a name, but for one that does nothing."""
    if not found.get(name):
        found[name] = expression


def _expression_1(plain: Json) -> Expression:
    binds = [_bind(bind, "node", 1) for bind in fields.objects(plain, "morphTargetBinds", _MAX_BINDS)]
    repaints, left_out = [], []
    for bind in fields.objects(plain, "materialColorBinds", _MAX_BINDS):
        material, kind = fields.integer(bind, "material", 0), fields.text(bind, "type")
        if kind in _COLOURS:
            part = _COLOURS[kind]
            repaints.append(Repaint(material, part, _colour(bind, part)))
        else:
            left_out.append(kind or "a property without a name")
    for bind in fields.objects(plain, "textureTransformBinds", _MAX_BINDS):
        offset, scale = fields.numbers(bind, "offset", (0.0, 0.0)), fields.numbers(bind, "scale", (1.0, 1.0))
        repaints.append(Repaint(fields.integer(bind, "material", 0), "place", np.concatenate([offset, scale])))
    ways = [fields.text(plain, f"override{what}") for what in ("Blink", "LookAt", "Mouth")]
    blink, look, mouth = (way if way in ("block", "blend") else "none" for way in ways)
    return Expression(
        [bind for bind in binds if bind is not None],
        repaints,
        plain.get("isBinary") is True,
        (blink, look, mouth),  # type: ignore[arg-type]
        tuple(left_out),
    )


def _expression_0(group: Json, materials: list[str]) -> Expression:
    binds = [_bind(bind, "mesh", 100) for bind in fields.objects(group, "binds", _MAX_BINDS)]
    repaints, left_out = [], []
    for value in fields.objects(group, "materialValues", _MAX_BINDS):
        name, kind = fields.text(value, "materialName"), fields.text(value, "propertyName")
        if name not in materials:
            continue
        change = _unity(kind, value)
        if change is not None:
            repaints += [Repaint(i, *change) for i, other in enumerate(materials) if other == name]
        elif not kind.endswith(tuple(_UNITY_AXES)):
            left_out.append(kind or "a property without a name")
    return Expression(
        [bind for bind in binds if bind is not None],
        repaints,
        group.get("isBinary") is True,
        left_out=tuple(left_out),
    )


def _unity(kind: str, value: Json) -> tuple[Property, NDArray[np.float64]] | None:
    """What a property of a Unity shader is here. None where it is not drawn."""
    if kind in _UNITY:
        part = _UNITY[kind]
        colour = _colour(value, part)
        if part != "emissive":  # emission is linear there, as it may be brighter than white
            colour[:3] = np.power(np.maximum(colour[:3], 0), _GAMMA)
        return part, colour
    for suffix, (along_u, along_v) in _UNITY_AXES.items():
        if kind in [main + suffix for main in _UNITY_MAIN]:
            su, sv, u, v = fields.numbers(value, "targetValue", (1.0, 1.0, 0.0, 0.0))
            return "place", np.where([along_u, along_v] * 2, unity_place(u, v, su, sv), np.nan)
    return None


def unity_place(u: float, v: float, scale_u: float, scale_v: float) -> NDArray[np.float64]:  # -> (4,)
    """Offset and scale of a texture in Unity, v upwards, as they are with v downwards."""
    return np.array([u, 1 - scale_v - v, scale_u, scale_v])


def _colour(bind: Json, part: Property) -> NDArray[np.float64]:
    """targetValue, of which exporters leave the alpha away: it then stays. Colours without alpha have three numbers."""
    given = fields.listed(bind, "targetValue", 100)
    rgb = fields.numbers({"targetValue": given[:3]}, "targetValue", (1.0,) * 3)
    if part != "colour":
        return rgb
    alpha = fields.number({"targetValue": given[3]}, "targetValue", 1.0) if len(given) > 3 else np.nan
    return np.array([*rgb, alpha])


def _bind(bind: Json, where: str, full: float) -> Bind | None:
    """None for a bind that names nothing, as some exporters write."""
    place = fields.index(bind, where, 2**31, where)
    if place is None or bind.get("index") == -1:
        return None
    weight = float(np.clip(fields.number(bind, "weight", full) / full, 0, 1))
    return Bind(place, fields.integer(bind, "index", 0), weight)


def undrawn(expressions: dict[str, Expression]) -> Iterator[str]:
    """One line for each expression that changes what is not drawn."""
    for name, expression in expressions.items():
        if expression.left_out:
            yield f"expression {name}: {', '.join(sorted(set(expression.left_out)))} of a material left out, not drawn"
