"""Materials whose colours and texture transforms VRM expressions change.

Source: VRMC_vrm-1.0/expressions.md, "Expression update algorithm". Several
expressions add up: base + the sum of (target - base) * weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from face3d_live.avatar.expressions import Repaint
from face3d_live.avatar.model import Avatar, Change, Material
from face3d_live.avatar.textures import MAX_LAYERS, affine
from face3d_live.avatar.weights import LEAST, expression_weights
from face3d_live.typing import AnyArray, Array

#: Texture coordinates unchanged.
AS_THEY_LIE = np.tile(np.eye(2, 3, dtype=np.float32), (MAX_LAYERS, 1, 1))


class MaterialState(NamedTuple):
    """A material under the current expression. colour (4,), shade, emissive (3,): linear.

    uv (2, 2, 3): affine maps of a part's two sets of texture coordinates.
    """

    colour: Array
    shade: Array
    emissive: Array
    uv: Array


def change(repaint: Repaint, expression: int, slot: int, material: Material) -> Change:
    """The change of a material by one expression of the file. slot: the material's number in `Avatar.materials`."""
    bases: dict[str, AnyArray] = {
        "colour": material.colour,
        "shade": material.shade,
        "emissive": material.emissive,
        "place": material.places[:, :4],
    }
    value = repaint.value
    if repaint.part == "emissive":
        value = value * material.emissive_strength
    return Change(expression, slot, repaint.part, np.nan_to_num(value - bases[repaint.part]))


def material_states(avatar: Avatar, expression: AnyArray) -> dict[int, MaterialState]:  # (52,) -> material -> state
    """The states of the materials that an expression changes."""
    if not avatar.changes:
        return {}
    weights = expression_weights(avatar.expressions, expression)
    sums: dict[int, dict[str, AnyArray]] = {}
    for one in avatar.changes:
        weight = float(weights[one.expression])
        if weight > LEAST:
            parts = sums.setdefault(one.material, {})
            parts[one.part] = parts.get(one.part, 0) + weight * one.amount
    return {number: _state(avatar.materials[number], parts) for number, parts in sums.items()}


def _state(material: Material, parts: dict[str, AnyArray]) -> MaterialState:
    colour = np.clip(material.colour + parts.get("colour", 0), 0, 1)
    shade = np.clip(material.shade + parts.get("shade", 0), 0, 1)
    emissive = np.maximum(material.emissive + parts.get("emissive", 0), 0)
    uv = AS_THEY_LIE.copy()
    if "place" in parts:
        for layer, (place, moved) in enumerate(zip(material.places, parts["place"], strict=True)):
            uv[layer] = _between(affine(place), affine(np.append(place[:4] + moved, place[4])))
    return MaterialState(*(np.asarray(values, np.float32) for values in (colour, shade, emissive, uv)))


def _between(old: AnyArray, new: AnyArray) -> AnyArray:  # (2, 3), (2, 3) -> (2, 3)
    """new after undoing old; textures that are scaled to nothing stay where they are."""
    if abs(np.linalg.det(old[:, :2])) < 1e-9:
        return np.asarray(AS_THEY_LIE[0])
    turn = new[:, :2] @ np.linalg.inv(old[:, :2])
    return np.column_stack([turn, new[:, 2] - turn @ old[:, 2]])
