"""Materials that expressions recolour, and textures that they shift.

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

#: Coordinates as a part has them.
AS_THEY_LIE = np.tile(np.eye(2, 3, dtype=np.float32), (MAX_LAYERS, 1, 1))


class Look(NamedTuple):
    """How a material is now. colour (4,), shade, glow (3,): linear. uv (2, 2, 3): what moves a part's coordinates."""

    colour: Array
    shade: Array
    glow: Array
    uv: Array


def change(repaint: Repaint, expression: int, slot: int, material: Material) -> Change:
    """What a file's expression does to a material that is drawn. slot: of the material."""
    bases: dict[str, AnyArray] = {
        "colour": material.colour,
        "shade": material.shade,
        "glow": material.glow,
        "place": material.places[:, :4],
    }
    value = repaint.value
    if repaint.part == "glow":
        value = value * material.glow_strength
    return Change(expression, slot, repaint.part, np.nan_to_num(value - bases[repaint.part]))


def looks(avatar: Avatar, expression: AnyArray) -> dict[int, Look]:  # (52,) -> material -> how it looks
    """Materials that are not as the file has them."""
    if not avatar.changes:
        return {}
    weights = expression_weights(avatar.expressions, expression)
    sums: dict[int, dict[str, AnyArray]] = {}
    for one in avatar.changes:
        weight = float(weights[one.expression])
        if weight > LEAST:
            parts = sums.setdefault(one.material, {})
            parts[one.part] = parts.get(one.part, 0) + weight * one.amount
    return {number: _look(avatar.materials[number], parts) for number, parts in sums.items()}


def _look(material: Material, parts: dict[str, AnyArray]) -> Look:
    colour = np.clip(material.colour + parts.get("colour", 0), 0, 1)
    shade = np.clip(material.shade + parts.get("shade", 0), 0, 1)
    glow = np.maximum(material.glow + parts.get("glow", 0), 0)
    uv = AS_THEY_LIE.copy()
    if "place" in parts:
        for layer, (place, moved) in enumerate(zip(material.places, parts["place"], strict=True)):
            uv[layer] = _between(affine(place), affine(np.append(place[:4] + moved, place[4])))
    return Look(*(np.asarray(values, np.float32) for values in (colour, shade, glow, uv)))


def _between(old: AnyArray, new: AnyArray) -> AnyArray:  # (2, 3), (2, 3) -> (2, 3)
    """new after undoing old; textures that are scaled to nothing stay where they are."""
    if abs(np.linalg.det(old[:, :2])) < 1e-9:
        return AS_THEY_LIE[0]
    turn = new[:, :2] @ np.linalg.inv(old[:, :2])
    return np.column_stack([turn, new[:, 2] - turn @ old[:, 2]])
