"""Materials: base colour, alpha mode, sidedness, and for VRM's MToon the shade colour. The rest is left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar import fields
from face3d_live.avatar.fields import Json
from face3d_live.avatar.images import Images
from face3d_live.avatar.model import AlphaMode, Material, Style
from face3d_live.avatar.vrm import Vrm

MAX_MATERIALS = 2000
_ALPHA: dict[str, AlphaMode] = {"OPAQUE": "opaque", "MASK": "mask", "BLEND": "blend"}
#: The shaded side of toon surfaces that name no colour: cooler and darker, linear.
_SHADE = (0.62, 0.58, 0.66)


class Materials:
    """Those that primitives use, in the order of first use; `slot` gives the position."""

    def __init__(self, root: Json, images: Images, vrm: Vrm) -> None:
        self._plain = fields.objects(root, "materials", MAX_MATERIALS)
        self._images = images
        self._vrm = vrm
        self._slots: dict[int | None, int] = {}
        self.taken: list[Material] = []
        self._places: list[NDArray[np.float64]] = []

    def slot(self, number: int | None) -> int:
        """Position in `taken` of a material; None is glTF's default one."""
        if number not in self._slots:
            plain: Json = {} if number is None else self._plain[number]
            material, place = self._read(plain, number)
            self._slots[number] = len(self.taken)
            self.taken.append(material)
            self._places.append(place)
        return self._slots[number]

    def index(self, primitive: Json) -> int | None:
        """A primitive's material, checked."""
        return fields.index(primitive, "material", len(self._plain), "material")

    def place(self, slot: int) -> NDArray[np.float64]:  # -> (2, 3)
        """How the material's texture lies: (u, v) = place @ (u, v, 1). KHR_texture_transform."""
        return self._places[slot]

    def _read(self, plain: Json, number: int | None) -> tuple[Material, NDArray[np.float64]]:
        metallic = fields.mapping(plain, "pbrMetallicRoughness")
        texture = fields.mapping(metallic, "baseColorTexture")
        extensions = fields.mapping(plain, "extensions")
        colour = fields.numbers(metallic, "baseColorFactor", (1.0,) * 4)
        number_of = fields.integer(texture, "index", 0) if "index" in texture else None
        image = self._images.slot(number_of) if number_of is not None else None
        style, shade, order = self._style(extensions, number)
        glow = fields.numbers(plain, "emissiveFactor", (0.0,) * 3)
        if "emissiveTexture" in plain:
            glow = np.zeros(3)  # a picture of what glows is not read, and without it everything would
        material = Material(
            colour.clip(0, 1).astype(np.float32),
            image,
            _ALPHA.get(str(plain.get("alphaMode", "OPAQUE")), "opaque"),
            fields.number(plain, "alphaCutoff", 0.5),
            plain.get("doubleSided") is True,
            style,
            shade,
            glow.clip(0, 1).astype(np.float32),
            order,
        )
        return material, _place(fields.mapping(texture, "extensions"))

    def _style(self, extensions: Json, number: int | None) -> tuple[Style, NDArray[np.float32], int]:
        """How it is shaded, the shaded side's colour, and its place in the order of what is see-through."""
        white = np.ones(3, np.float32)
        if "VRMC_materials_mtoon" in extensions:
            toon = fields.mapping(extensions, "VRMC_materials_mtoon")
            shade = fields.numbers(toon, "shadeColorFactor", _SHADE).clip(0, 1).astype(np.float32)
            return "toon", shade, fields.integer(toon, "renderQueueOffsetNumber", 0, -100, 100)
        if number is not None and number < len(self._vrm.materials):
            old = self._vrm.materials[number]
            order = fields.integer(old, "renderQueue", 0, -10_000, 10_000)
            if fields.text(old, "shader") == "VRM/MToon":
                vectors = fields.mapping(old, "vectorProperties")
                shade = fields.numbers(vectors, "_ShadeColor", (*_SHADE, 1.0))[:3].clip(0, 1)
                return "toon", np.power(shade, 2.2).astype(np.float32), order
            return ("unlit" if "KHR_materials_unlit" in extensions else "lit"), white, order
        return ("unlit" if "KHR_materials_unlit" in extensions else "lit"), white, 0


def _place(extensions: Json) -> NDArray[np.float64]:  # -> (2, 3)
    transform = fields.mapping(extensions, "KHR_texture_transform")
    move, scale = fields.numbers(transform, "offset", (0.0, 0.0)), fields.numbers(transform, "scale", (1.0, 1.0))
    angle = fields.number(transform, "rotation", 0.0)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]]) * scale
    return np.column_stack([turn, move])
