"""What the shaders are told of a picture: camera and pose, light, hair."""

from __future__ import annotations

import numpy as np

from face3d_live.hairstyle import ON_SCALP
from face3d_live.render.hair import HairLook
from face3d_live.render.hair_mesh import scalp_of
from face3d_live.render.view import Pose
from face3d_live.typing import AnyArray, Array


def placing(pose: Pose, light: AnyArray) -> dict[str, object]:
    """Uniforms of camera, pose and light; matrices go columns first."""
    return {
        "projection": pose.camera.gl_projection().T,
        "rotation": np.asarray(pose.rotation, np.float32).T,
        "translation": np.asarray(pose.translation, np.float32),
        "light": np.asarray(light, np.float32),
    }


def lamp(light: AnyArray) -> dict[str, object]:  # (27,)
    """A directional key light for highlights: the strongest direction of the harmonics, and its colour."""
    bands = np.asarray(light, np.float32).reshape(9, 3)
    towards = bands[[3, 1, 2]] @ np.array([0.3, 0.6, 0.1], np.float32)  # x, y, z of the linear band's luminance
    return {"key": unit(towards), "key_colour": np.linalg.norm(bands[1:4], axis=0)}


def scalp(look: HairLook, painted: str) -> dict[str, object]:
    """Uniforms of the scalp. painted: the style that the texture's scalp has the colour for."""
    below = scalp_of(look.style)
    bare = painted != "bald" and look.style in ON_SCALP and look.skin is not None
    return {
        "hair_colour": look.colour,
        "hair_volume": below.volume,
        "hair_amount": below.amount,
        "hair_edge": below.edge,
        "hair_recede": below.recede,
        "bare_skin": (*map(float, look.skin), 1.0) if bare and look.skin is not None else (0.0, 0.0, 0.0, 0.0),
    }


def faces_viewer(pose: Pose) -> bool:
    """Whether eyes and mouth can be seen: from behind they would show through the neck's fading end."""
    return float(pose.rotation[:, 2] @ pose.translation) < 0


def unit(v: AnyArray) -> Array:  # (..., 3)
    return np.asarray((v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)).astype(np.float32))
