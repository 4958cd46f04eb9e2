"""params.npz: codes, landmarks and camera of a head."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from face3d_live import arrays, eyewear
from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.errors import InputError
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.typing import Array
from face3d_live.version import __version__

#: A file has 20 kB; this is what it may unpack to.
MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Params:
    """codes; landmarks: (68, 3) iBUG points, head frame, metres; camera: of the photo; version: of the program.

    coefficients: (n,) the regressor's own numbers where it has others than the codes (257 of Deep3D), else (0,).
    hair, glasses: style and colour, as far as they are known.
    """

    codes: HeadCodes
    landmarks: Array
    camera: Camera
    version: str = __version__
    coefficients: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    hair: Hair = AS_SEEN
    glasses: Glasses = eyewear.AS_SEEN


def params_bytes(params: Params) -> bytes:
    """An .npz: the arrays of `HeadCodes.to_arrays`, `expression_names`, `landmarks`, `camera` (width, height, focal in
    pixels), `version` and, where there are any, `coefficients`, `hair_style`, `hair_colour`, `glasses_style`,
    `glasses_colour`."""
    out = io.BytesIO()
    camera = np.array([params.camera.width, params.camera.height, params.camera.focal], np.float64)
    stored: dict[str, Any] = {
        **params.codes.to_arrays(),
        "expression_names": np.array(ARKIT),
        "landmarks": np.asarray(params.landmarks, np.float32),
        "camera": camera,
        "version": np.array(params.version),
    }
    if len(params.coefficients):
        stored["coefficients"] = np.asarray(params.coefficients, np.float32)
    for name, worn in (("hair", params.hair), ("glasses", params.glasses)):
        for trait, said in (("style", worn.style), ("colour", worn.colour)):
            if said is not None:
                stored[f"{name}_{trait}"] = np.array(said)
    np.savez_compressed(out, **stored)
    return out.getvalue()


def params_from(data: bytes) -> Params:
    """The inverse. Raises InputError("not-params") for other bytes."""
    try:
        stored = arrays.load(io.BytesIO(data), limit=MAX_BYTES)
        names = [str(name) for name in stored["expression_names"]]
        stored["expression"] = stored["expression"][[names.index(name) for name in ARKIT]]
        width, height, focal = stored["camera"].tolist()
        camera = Camera(int(width), int(height), focal)
        codes, landmarks = HeadCodes.from_arrays(stored), np.asarray(stored["landmarks"], np.float32)
        if landmarks.shape != (68, 3) or not all(
            np.isfinite(a).all() for a in (landmarks, *codes.to_arrays().values())
        ):
            raise ValueError("a number is missing or not finite")
        own = stored.get("coefficients", np.zeros(0, np.float32))
        hair, glasses = Hair(*_said(stored, "hair")), Glasses(*_said(stored, "glasses"))
        return Params(codes, landmarks, camera, str(stored["version"]), own, hair, glasses)
    except arrays.DAMAGE as error:
        raise InputError(
            "not-params", "this is no params.npz of face3d-live: give the file as it was written"
        ) from error


def _said(stored: dict[str, Any], what: str) -> tuple[str | None, str | None]:
    """Style and colour."""
    style, colour = (stored.get(f"{what}_{trait}") for trait in ("style", "colour"))
    return None if style is None else str(style), None if colour is None else str(colour)
