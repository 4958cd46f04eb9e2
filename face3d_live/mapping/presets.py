"""Presets: the outputs that programs expect, each a weighted sum of coefficients and pose. They are TOML files.

    title = "VRM 1"
    all = "arkit"              # or "pascal": the 52 coefficients under Apple's names, or with a capital
    [outputs.aa]
    from = { jawOpen = 1.0, mouthFunnel = -0.6 }
    bias = 0.0
    min = 0.0
    max = 1.0

Besides the 52 coefficients a sum may use the `DERIVED` values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from face3d_live.codes import ARKIT
from face3d_live.errors import InputError
from face3d_live.mapping.profile import HEAD, Profile, unknown

FOLDER = Path(__file__).resolve().parent.parent / "presets"

#: blinkBoth: what both lids are closed. Degrees: head (as in `protocols.pose`), eyes relative to it with positive pitch
#: up. Centimetres: headX and so on, in the camera's axes.
DERIVED = (
    "blinkBoth",
    *HEAD,
    "headX",
    "headY",
    "headZ",
    "gazeLeftYaw",
    "gazeLeftPitch",
    "gazeRightYaw",
    "gazeRightPitch",
)
INPUTS = ARKIT + DERIVED


@dataclass(frozen=True)
class Output:
    """One value that is sent: clamp(bias + the weighted sum, low, high)."""

    weights: Mapping[str, float]
    bias: float = 0.0
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Preset:
    """outputs: by name, in the order in which they are sent."""

    name: str
    title: str
    outputs: Mapping[str, Output]


def names() -> tuple[str, ...]:
    """All presets."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def check_channels(profile: Profile) -> None:
    """Raises InputError "bad-mapping" when the profile names a preset or a channel that exists nowhere."""
    chosen = names() if profile.preset is None else (profile.preset,)
    known = {*ARKIT, *HEAD}.union(*(load(name).outputs for name in chosen))
    for name in profile.channels:
        if name not in known:
            raise unknown(name, known, ("channels", name))


@cache
def load(name: str) -> Preset:
    """A preset by its name. Raises InputError "bad-mapping" for one that does not exist."""
    if name not in names():
        raise unknown(name, names(), ("preset", name))
    plain = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    outputs = {}
    match plain.get("all"):
        case "arkit":
            outputs = {channel: Output({channel: 1.0}) for channel in ARKIT}
        case "pascal":
            outputs = {channel[0].upper() + channel[1:]: Output({channel: 1.0}) for channel in ARKIT}
    for output, item in plain.get("outputs", {}).items():
        for source in item["from"]:
            if source not in INPUTS:
                raise InputError("bad-mapping", f"preset {name}: {output} is made of {source}, which is unknown")
        outputs[output] = Output(item["from"], item.get("bias", 0.0), item.get("min", 0.0), item.get("max", 1.0))
    return Preset(name, plain["title"], outputs)
