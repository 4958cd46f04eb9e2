"""Weights of VRM expressions and morph targets. Source: VRMC_vrm-1.0/expressions.md, "Procedural override"."""

from __future__ import annotations

import numpy as np

from face3d_live.avatar.model import BLEND, BLOCK, OVERRIDDEN, Expressions
from face3d_live.avatar.presets import signals
from face3d_live.typing import AnyArray, Array

#: Weights below this show nothing and override nothing: trackers are never quite at rest.
LEAST = 0.002
_HALF = 0.5
_LOOK = OVERRIDDEN.index("lookAt")


def expression_weights(table: Expressions, expression: AnyArray) -> Array:  # (52,) -> (E,), 0..1
    """Weights after binary ones are all or nothing, and after those that override others have done so.

    The overridden are multiplied by what is left over for them; binary ones are off where that is less than 1.
    """
    if not table.names:
        return np.zeros(0, np.float32)
    weights = _before_overrides(table, expression)
    left = _left_over(table, weights)
    for column in np.flatnonzero(left < 1 - LEAST):
        own = table.kinds == column + 1
        weights[own] *= np.where(table.binary[own], 0.0, left[column])
    return weights


def look_left_over(table: Expressions, expression: AnyArray) -> float:  # (52,) -> 0..1
    """What of the gaze is left where expressions override looks: eyes turned by bones are held by them as well."""
    if not table.overrides[:, _LOOK].any():
        return 1.0
    return float(_left_over(table, _before_overrides(table, expression))[_LOOK])


def _before_overrides(table: Expressions, expression: AnyArray) -> Array:  # (52,) -> (E,)
    weights = np.clip(table.sources @ signals(expression), 0, table.limits)
    return np.asarray(np.where(table.binary, weights > _HALF, weights).astype(np.float32))


def _left_over(table: Expressions, weights: AnyArray) -> Array:  # (E,) -> (3,)
    """1 less the sum of all overrides, of blinks, looks and the mouth. None overrides its own kind.

    "block" counts as 1 where its expression is on at all, "blend" as its weight.
    """
    own = table.kinds[:, None] == 1 + np.arange(len(OVERRIDDEN))
    ways = np.where(own, 0, table.overrides)
    effect = np.where(ways == BLOCK, weights[:, None] > LEAST, np.where(ways == BLEND, weights[:, None], 0))
    return np.asarray(np.maximum(0, 1 - effect.sum(0)).astype(np.float32))


def morph_weights(drive: AnyArray, table: Expressions, expression: AnyArray) -> Array:  # (R, 52 + E), (52,) -> (R,)
    """How far each morph is on, 0 at rest and 1 all, beyond the file's default weights."""
    follows = np.concatenate([np.clip(expression, 0, 1), expression_weights(table, expression)])
    return np.asarray(np.clip(drive @ follows.astype(np.float32), 0, 1))
