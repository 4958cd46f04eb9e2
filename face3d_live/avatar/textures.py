"""The textures of a material and the sets of texture coordinates that they use.

Sources: glTF 2.0, section 3.9; KHR_texture_transform; KHR_materials_pbrSpecularGlossiness (older files).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json
from face3d_live.typing import AnyArray

#: Coordinates that a part has for its textures.
MAX_LAYERS = 2
GLOSSY = "KHR_materials_pbrSpecularGlossiness"


class Layer(NamedTuple):
    """The file's set of coordinates, and how textures lie on it: offset u, v, scale u, v, rotation in radians."""

    uv_set: int
    place: tuple[float, float, float, float, float]

    def apply(self, uv: AnyArray) -> AnyArray:  # (N, 2) -> (N, 2)
        """Coordinates in the textures."""
        matrix = affine(np.array(self.place))
        return uv @ matrix[:, :2].T + matrix[:, 2]


def affine(place: AnyArray) -> NDArray[np.float64]:  # (5,) -> (2, 3)
    """(u, v) in the texture = matrix @ (u, v, 1): scaled, then turned, then moved, as KHR_texture_transform has it."""
    c, s = np.cos(place[4]), np.sin(place[4])
    return np.column_stack([np.array([[c, s], [-s, c]]) * place[2:4], place[:2]])


class Textures:
    """A material's textures by their part: "colour", "emissive", "normal", "metallic_roughness", "occlusion".

    layers: the coordinates that they need, the colour's first, `MAX_LAYERS` at most. left_out: parts that need more.
    place: offset and scale of those that the file does not place.
    Raises InputError "avatar-broken".
    """

    def __init__(self, plain: Json, place: Sequence[float] = (0.0, 0.0, 1.0, 1.0)) -> None:
        self.layers: list[Layer] = []
        self.left_out: list[str] = []
        self._layer: dict[str, int] = {}
        self.plain: dict[str, Json] = {}
        for part, texture in _textures(plain).items():
            if "index" not in texture:
                continue
            layer = _layer(texture, place)
            if layer not in self.layers:
                if len(self.layers) == MAX_LAYERS:
                    self.left_out.append(part)
                    continue
                self.layers.append(layer)
            self.plain[part], self._layer[part] = texture, self.layers.index(layer)

    def layer(self, part: str) -> int:
        """Position in `layers`."""
        return self._layer[part]


def _textures(plain: Json) -> Mapping[str, Json]:
    metallic = fields.mapping(plain, "pbrMetallicRoughness")
    glossy = fields.mapping(fields.mapping(plain, "extensions"), GLOSSY)
    colour = fields.mapping(glossy, "diffuseTexture") if glossy else fields.mapping(metallic, "baseColorTexture")
    return {
        "colour": colour,
        "emissive": fields.mapping(plain, "emissiveTexture"),
        "normal": fields.mapping(plain, "normalTexture"),
        "metallic_roughness": {} if glossy else fields.mapping(metallic, "metallicRoughnessTexture"),
        "occlusion": fields.mapping(plain, "occlusionTexture"),
    }


def _layer(texture: Json, place: Sequence[float]) -> Layer:
    transform = fields.mapping(fields.mapping(texture, "extensions"), "KHR_texture_transform")
    if not transform:
        return Layer(fields.integer(texture, "texCoord", 0, 0, 15), (*map(float, place), 0.0))  # type: ignore[arg-type]
    move, scale = fields.numbers(transform, "offset", (0.0, 0.0)), fields.numbers(transform, "scale", (1.0, 1.0))
    angle = fields.number(transform, "rotation", 0.0)
    named = transform if "texCoord" in transform else texture  # the extension's comes first
    return Layer(fields.integer(named, "texCoord", 0, 0, 15), (*move.tolist(), *scale.tolist(), angle))
