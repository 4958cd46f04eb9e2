"""Which ARKit coefficient a morph target or an expression means, by its name. The one matcher of such names.

Exporters write `eyeBlinkLeft`, `eyeBlink_L`, `EyeBlink.L`, `blendShape1.eyeBlink_L`, `Face_M_eyeBlinkLeft`; some have
one target for both sides (`mouthSmile`), some two for what ARKit has once (`browInnerUp_L`).
"""

from __future__ import annotations

import re
from functools import cache

from face3d_live.codes import ARKIT, INDEX, without_side

Shares = tuple[tuple[int, float], ...]

_SIDES = (("Left", "left"), ("Left", "l"), ("Right", "right"), ("Right", "r"))
#: What Apple has once and some rigs have on both sides.
_SPLIT = ("browInnerUp", "cheekPuff")
#: Names in wide use that are not ARKit's (Ready Player Me's short list).
_OTHERS: dict[str, Shares] = {
    "mouthopen": ((INDEX["jawOpen"], 1.0),),
    "eyesclosed": ((INDEX["eyeBlinkLeft"], 0.5), (INDEX["eyeBlinkRight"], 0.5)),
    "eyeslookup": ((INDEX["eyeLookUpLeft"], 0.5), (INDEX["eyeLookUpRight"], 0.5)),
    "eyeslookdown": ((INDEX["eyeLookDownLeft"], 0.5), (INDEX["eyeLookDownRight"], 0.5)),
}


@cache
def _table() -> dict[str, Shares]:
    """Lower-case spelling without punctuation -> shares of coefficients."""
    table: dict[str, Shares] = dict(_OTHERS)
    for stem in {name[:-4] for name in ARKIT if name.endswith("Left")}:
        if stem + "Right" in INDEX and stem not in ("jaw", "mouth"):
            table[stem.lower()] = (INDEX[stem + "Left"], 0.5), (INDEX[stem + "Right"], 0.5)
    for side, spelling in _SIDES:
        for name in ARKIT:
            if name.endswith(side):
                table[name[: -len(side)].lower() + spelling] = ((INDEX[name], 1.0),)
        for name in _SPLIT:
            table[name.lower() + spelling] = ((INDEX[name], 1.0),)
    for name in ARKIT:
        table[name.lower()] = ((INDEX[name], 1.0),)
    return table


def arkit_shares(name: str) -> Shares:
    """(coefficient, share) pairs that a target of this name follows; empty where the name means nothing.

    What stands before the last pieces of a name is left out until something fits: rigs put the mesh's name there.
    """
    pieces = re.split(r"[^A-Za-z0-9]+", name)
    for first in range(len(pieces)):
        found = _table().get("".join(pieces[first:]).lower())
        if found is not None:
            return found
    return ()


def is_exact(name: str, shares: Shares) -> bool:
    """Whether the name is ARKit's for one coefficient, side included, and not another rig's word for it.

    shares: those of `arkit_shares`, or of a VRM preset.
    """
    if len(shares) != 1 or shares[0][1] != 1:
        return False
    return without_side(ARKIT[shares[0][0]]).lower() in "".join(filter(str.isalnum, name)).lower()
