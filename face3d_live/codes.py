"""`HeadCodes`: the parameters of a head that all modules exchange, and their conventions.

Space: right-handed, metres, OpenGL camera (+x image right, +y up, +z towards the viewer). At identity the head faces
the camera, so +x is the subject's left; ARKit's Left and Right are the subject's.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from face3d_live.arrays import DAMAGE
from face3d_live.arrays import load as load_npz
from face3d_live.errors import InputError
from face3d_live.files import replacing
from face3d_live.typing import AnyArray, Array

if TYPE_CHECKING:
    import torch

N_SHAPE = 80
N_TEXTURE = 50
N_LIGHT = 27  # 9 real spherical-harmonic coefficients x RGB, flattened band-major: (9, 3)

#: Apple's ARFaceAnchor.BlendShapeLocation names, in the order Apple documents them.
ARKIT = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)
N_EXPRESSION = len(ARKIT)
INDEX: Mapping[str, int] = {name: i for i, name in enumerate(ARKIT)}


def without_side(name: str) -> str:
    """An ARKit name without Left or Right at its end."""
    return name.removesuffix("Left").removesuffix("Right")


def _swap_side(name: str) -> str:
    if name.endswith("Left"):
        return name[:-4] + "Right"
    return name[:-5] + "Left" if name.endswith("Right") else name


#: `expression[..., MIRROR]` is the expression seen in a mirror.
MIRROR = np.array([INDEX[_swap_side(name)] for name in ARKIT])

#: How far an eye turns at coefficient 1, radians: inwards and outwards, up and down.
EYE_YAW = float(np.radians(30.0))
EYE_PITCH = float(np.radians(25.0))


#: White light from everywhere: the constant term alone (Y00 = 0.282095), which shades every side with 1.
AMBIENT: Array = np.zeros(N_LIGHT, np.float32)
AMBIENT[:3] = 1 / 0.282095


def _zeros(n: int) -> Array:
    return np.zeros(n, np.float32)


@dataclass(frozen=True)
class HeadCodes:
    """All parameters of a head in one picture. All arrays are float32, of the shapes below, and finite.

    Raises ValueError for other shapes, for what is no array of numbers, and for values that are not finite.

    shape: (80,) identity PCA, unit variance. expression: (52,) ARKit coefficients 0..1, order of `ARKIT`.
    texture: (50,) albedo PCA, unit variance. rotation: (3, 3) and translation: (3,) metres: camera from head.
    light: (27,) irradiance over pi, second-order spherical harmonics in camera axes, (9, 3) flattened (see `lighting`).
    """

    shape: Array = field(default_factory=lambda: _zeros(N_SHAPE))
    expression: Array = field(default_factory=lambda: _zeros(N_EXPRESSION))
    texture: Array = field(default_factory=lambda: _zeros(N_TEXTURE))
    rotation: Array = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    translation: Array = field(default_factory=lambda: np.array([0, 0, -0.6], np.float32))
    light: Array = field(default_factory=lambda: AMBIENT.copy())

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), shape))

    def with_(self, **changes: AnyArray) -> HeadCodes:
        """A copy with some codes replaced."""
        return replace(self, **changes)

    def to_arrays(self) -> dict[str, Array]:
        """The codes by name, for `np.savez`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> HeadCodes:
        """The inverse of `to_arrays`; other keys are ignored. Raises KeyError or ValueError."""
        return cls(**{name: np.asarray(arrays[name]) for name in _SHAPES})

    def to_json(self) -> dict[str, object]:
        """Plain lists and, for the expression, a name -> value object."""
        plain: dict[str, object] = {k: v.tolist() for k, v in self.to_arrays().items()}
        plain["expression"] = dict(zip(ARKIT, self.expression.tolist(), strict=True))
        return plain

    def to_torch(self, device: str | torch.device = "cpu") -> dict[str, torch.Tensor]:
        """The codes by name as float32 tensors. Needs PyTorch."""
        import torch

        return {name: torch.from_numpy(values.copy()).to(device) for name, values in self.to_arrays().items()}

    @classmethod
    def from_torch(cls, tensors: Mapping[str, torch.Tensor]) -> HeadCodes:
        """The inverse of `to_torch`, from any device; gradients are left behind. Raises KeyError or ValueError."""
        return cls.from_arrays({name: tensors[name].detach().cpu().numpy() for name in _SHAPES})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz of `to_arrays`, compressed."""
        with replacing(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **self.to_arrays())  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> HeadCodes:
        """The codes of an .npz: of `save`, or `params.npz` of a reconstruction.

        Raises FileNotFoundError, or InputError "not-codes" for what holds none.
        """
        try:
            return cls.from_arrays(load_npz(Path(path)))
        except FileNotFoundError:
            raise
        except DAMAGE as error:
            raise InputError(
                "not-codes", f"{path} holds no codes: give a file of HeadCodes.save, or params.npz"
            ) from error

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> HeadCodes:
        """The inverse of `to_json`. Raises KeyError or ValueError."""
        named = plain["expression"]
        if not isinstance(named, Mapping):
            raise ValueError("expression: expected an object of names and values")
        arrays = {name: np.asarray(plain[name], np.float32) for name in _SHAPES if name != "expression"}
        return cls(expression=np.array([named[name] for name in ARKIT], np.float32), **arrays)


_SHAPES: dict[str, tuple[int, ...]] = {
    "shape": (N_SHAPE,),
    "expression": (N_EXPRESSION,),
    "texture": (N_TEXTURE,),
    "rotation": (3, 3),
    "translation": (3,),
    "light": (N_LIGHT,),
}


def _checked(name: str, given: object, shape: tuple[int, ...]) -> Array:
    """One code as a contiguous float32 array. Raises ValueError, see `HeadCodes`."""
    if isinstance(given, np.ndarray) and given.dtype == np.float32:
        value = np.ascontiguousarray(given)
    else:
        try:
            numbers = np.asarray(given)
        except ValueError as error:  # nested lists of several lengths
            raise ValueError(f"{name}: expected {shape} numbers ({error})") from error
        if numbers.dtype.kind not in "fiu":
            raise ValueError(f"{name}: expected numbers, got {numbers.dtype} of {type(given).__name__}")
        with np.errstate(over="ignore"):  # what does not fit into float32 becomes infinite
            value = np.ascontiguousarray(numbers, np.float32)
    if value.shape != shape:
        raise ValueError(f"{name}: expected {shape}, got {value.shape}")
    # The sum of squares is finite where all values are, but for huge ones: a tenth of the time of looking at each.
    if not math.isfinite(np.vdot(value, value)) and not np.isfinite(value).all():
        raise ValueError(f"{name}: {np.count_nonzero(~np.isfinite(value))} values are not finite")
    return value


def gaze_angles(expression: AnyArray) -> Array:  # (..., 52) -> (..., 2, 2)
    """Eye directions of an expression: [left, right] x [yaw, pitch] in radians, head frame.

    Positive yaw looks towards the subject's left (+x), positive pitch looks up.
    """

    def take(name: str) -> AnyArray:
        return expression[..., INDEX[name]]

    angles = [
        [
            EYE_YAW * (take("eyeLookOutLeft") - take("eyeLookInLeft")),
            EYE_PITCH * (take("eyeLookUpLeft") - take("eyeLookDownLeft")),
        ],
        [
            EYE_YAW * (take("eyeLookInRight") - take("eyeLookOutRight")),
            EYE_PITCH * (take("eyeLookUpRight") - take("eyeLookDownRight")),
        ],
    ]
    return np.stack([np.stack(eye, -1) for eye in angles], -2).astype(np.float32)
