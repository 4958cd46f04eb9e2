"""Regions of the head and parts of its mesh: their names and masks."""

from __future__ import annotations

from face3d_live.typing import AnyArray, Mask

#: What a vertex is made of.
PARTS = ("skin", "eyes", "teeth", "tongue", "mouth_interior")

#: The regions that divide the head between them, in the order of `region_of`. "face" is the union of the first twelve.
REGION_NAMES = (
    "forehead", "brows_left", "brows_right", "eyelids_left", "eyelids_right", "nose", "cheeks", "lips_upper",
    "lips_lower", "chin", "jaw", "ears", "scalp", "neck", "eyes", "teeth", "tongue", "mouth_interior",
)  # fmt: skip
N_FACE = REGION_NAMES.index("jaw") + 1


def masks(region_of: AnyArray) -> dict[str, Mask]:
    """Region name -> (V,) bool, with the union "face"."""
    found = {name: region_of == i for i, name in enumerate(REGION_NAMES)}
    found["face"] = region_of < N_FACE
    return found
