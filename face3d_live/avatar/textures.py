"""Which pictures a material has, and by which texture coordinates each lies.

Sources: glTF 2.0, section 3.9; KHR_texture_transform; KHR_materials_pbrSpecularGlossiness (older files).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar import fields
from face3d_live.avatar.fields import Json

#: Coordinates that a part has for its textures.
MAX_LAYERS = 2
GLOSSY = "KHR_materials_pbrSpecularGlossiness"


class Layer(NamedTuple):
    """The file's set of coordinates, and how textures lie on it: (u, v) = place @ (u, v, 1)."""

    uv_set: int
    place: NDArray[np.float64]  # (2, 3)

    @property
    def key(self) -> tuple[float, ...]:
        """Equal for equal layers."""
        return self.uv_set, *self.place.ravel().tolist()


class Textures:
    """A material's textures by their part: "colour", "glow", "relief", "surface", "occlusion".

    layers: the coordinates that they need, the colour's first, `MAX_LAYERS` at most. left_out: parts that need more.
    Raises InputError "avatar-broken".
    """

    def __init__(self, plain: Json) -> None:
        self.layers: list[Layer] = []
        self.left_out: list[str] = []
        self._layer: dict[str, int] = {}
        self.plain: dict[str, Json] = {}
        for part, texture in _textures(plain).items():
            if "index" not in texture:
                continue
            layer = _layer(texture)
            keys = [one.key for one in self.layers]
            if layer.key not in keys:
                if len(keys) == MAX_LAYERS:
                    self.left_out.append(part)
                    continue
                self.layers.append(layer)
                keys.append(layer.key)
            self.plain[part], self._layer[part] = texture, keys.index(layer.key)

    def layer(self, part: str) -> int:
        """Position in `layers`."""
        return self._layer[part]


def _textures(plain: Json) -> Mapping[str, Json]:
    metallic = fields.mapping(plain, "pbrMetallicRoughness")
    glossy = fields.mapping(fields.mapping(plain, "extensions"), GLOSSY)
    colour = fields.mapping(glossy, "diffuseTexture") if glossy else fields.mapping(metallic, "baseColorTexture")
    return {
        "colour": colour,
        "glow": fields.mapping(plain, "emissiveTexture"),
        "relief": fields.mapping(plain, "normalTexture"),
        "surface": {} if glossy else fields.mapping(metallic, "metallicRoughnessTexture"),
        "occlusion": fields.mapping(plain, "occlusionTexture"),
    }


def _layer(texture: Json) -> Layer:
    transform = fields.mapping(fields.mapping(texture, "extensions"), "KHR_texture_transform")
    move, scale = fields.numbers(transform, "offset", (0.0, 0.0)), fields.numbers(transform, "scale", (1.0, 1.0))
    angle = fields.number(transform, "rotation", 0.0)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]]) * scale
    named = transform if "texCoord" in transform else texture  # the extension's comes first
    return Layer(fields.integer(named, "texCoord", 0, 0, 15), np.column_stack([turn, move]))
