"""How far every VRM expression and every morph is on. Source: VRMC_vrm-1.0/expressions.md, "Procedural override"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.model import BLOCK, Expressions
from face3d_live.avatar.presets import signals

Array = NDArray[np.float32]

#: Weights below this show nothing and override nothing: trackers are never quite at rest.
LEAST = 0.002
_HALF = 0.5


def expression_weights(table: Expressions, expression: NDArray) -> Array:  # (52,) -> (E,), 0..1
    """Weights after binary ones are all or nothing, and after those that override others have done so.

    An override of "block" counts as 1 where its expression is on at all, "blend" as its weight; the overridden are
    multiplied by 1 less the sum, and binary ones are off where that is less than 1. None overrides its own kind.
    """
    if not table.names:
        return np.zeros(0, np.float32)
    weights = np.clip(table.sources @ signals(expression), 0, table.limits)
    weights = np.where(table.binary, weights > _HALF, weights).astype(np.float32)
    for column in range(table.overrides.shape[1]):
        own = table.kinds == column + 1
        ways = np.where(own, 0, table.overrides[:, column])
        effect = np.where(ways == BLOCK, weights > LEAST, weights)[ways > 0].sum()
        factor = max(0.0, 1.0 - float(effect))
        if factor < 1 - LEAST:
            weights[own] *= np.where(table.binary[own], 0.0, factor)
    return weights


def morph_weights(drive: NDArray, table: Expressions, expression: NDArray) -> Array:  # (R, 52 + E), (52,) -> (R,)
    """How far each morph is on, 0 at rest and 1 all, beyond the file's default weights."""
    follows = np.concatenate([np.clip(expression, 0, 1), expression_weights(table, expression)])
    return np.clip(drive @ follows.astype(np.float32), 0, 1)
