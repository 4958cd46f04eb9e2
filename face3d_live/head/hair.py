"""`HairMesh`: the meshes of `models/hair.npz`, hair styles bound to the head's vertices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.paths import MODELS
from face3d_live.typing import AnyArray, Array, Picture

#: What a file holds of each style, as NAME.FIELD.
FIELDS = ("vertices_mm", "near", "weight", "uv", "faces", "normal", "along", "open", "skin_open", "strands")


@dataclass(frozen=True)
class HairMesh:
    """One style on the template, head frame, metres.

    vertices: (N, 3), split at texture seams. near: (N, K) low-level vertices of the head that carry each, with
    weight: (N, K) that sum to 1. uv: (N, 2), v up. faces: (F, 3), visible from both sides. normal, along: (N, 3) unit,
    outwards and along the strands (either way). open: (N,) ambient occlusion, 1 = open. skin_open: (V,) how much light
    the style leaves the head's low-level vertices. strands: (S, S, 4) uint8, brightness three times, alpha; row 0 is
    v = 1.
    """

    vertices: Array
    near: NDArray[np.int64]
    weight: Array
    uv: Array
    faces: NDArray[np.int32]
    normal: Array
    along: Array
    open: Array
    skin_open: Array
    strands: Picture

    @classmethod
    def load(cls, style: str, path: Path | None = None) -> HairMesh:
        """Raises AssetError("hair-missing") or AssetError("hair-broken"), also for a style that the file lacks."""
        path = path or MODELS / "hair.npz"
        names: Collection[str] = [f"{style}.{field}" for field in FIELDS]
        remake = "run python -m face3d_live.head.build.hair"
        with arrays.asset(path, "hair", "restore it", remake, names) as stored:
            a = {field: stored[f"{style}.{field}"] for field in FIELDS}
            strands = cv2.imdecode(a["strands"], cv2.IMREAD_UNCHANGED)
            if strands is None or strands.ndim != 3:
                raise ValueError(f"{style}: no picture of strands")
            if strands.shape[2] == 3:  # without gaps
                strands = cv2.cvtColor(strands, cv2.COLOR_BGR2BGRA)
            weight = a["weight"].astype(np.float32)
            return cls(
                vertices=a["vertices_mm"].astype(np.float32) / np.float32(1000),
                near=a["near"].astype(np.int64),
                weight=weight / weight.sum(1, keepdims=True),
                uv=a["uv"].astype(np.float32) / np.float32(65535),
                faces=a["faces"].astype(np.int32),
                normal=_unit(a["normal"].astype(np.float32)),
                along=_unit(a["along"].astype(np.float32)),
                open=a["open"].astype(np.float32) / np.float32(255),
                skin_open=a["skin_open"].astype(np.float32) / np.float32(255),
                strands=strands,
            )

    def on(self, template: AnyArray, neutral: AnyArray) -> Array:  # (V, 3) x 2 -> (N, 3)
        """The style on a head at rest: each vertex is carried by those of the head near it."""
        moved = (neutral - template)[self.near]
        return np.asarray(self.vertices + np.einsum("nk,nkc->nc", self.weight, moved), np.float32)


def _unit(v: AnyArray) -> Array:  # (N, 3)
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9), np.float32)
