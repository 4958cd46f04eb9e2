"""Materials: base colour, emissive, normal, metallic-roughness and occlusion maps, alpha mode, sidedness; MToon's shade
colour.

Sources: glTF 2.0, section 3.9; KHR_materials_unlit, KHR_materials_emissive_strength; VRM 0.x and VRMC_materials_mtoon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from face3d_live.avatar.appearance import change
from face3d_live.avatar.drive import Used
from face3d_live.avatar.expressions import unity_place
from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json
from face3d_live.avatar.images import Images
from face3d_live.avatar.model import AlphaMode, Change, Map, Material, Style
from face3d_live.avatar.textures import GLOSSY, Layer, Textures
from face3d_live.avatar.vrm import Vrm
from face3d_live.typing import Array

MAX_MATERIALS = 2000
_ALPHA: dict[str, AlphaMode] = {"OPAQUE": "opaque", "MASK": "mask", "BLEND": "blend"}
#: The shaded side of toon surfaces that name no colour: cooler and darker, linear.
_SHADE = (0.62, 0.58, 0.66)
#: Limit of `KHR_materials_emissive_strength`.
_MAX_EMISSIVE = 16.0


class Materials:
    """Those that primitives use, in the order of first use; `slot` gives the position. warnings: what is left out."""

    def __init__(self, root: Json, images: Images, vrm: Vrm) -> None:
        self._plain = fields.objects(root, "materials", MAX_MATERIALS)
        self._images = images
        self._vrm = vrm
        self._slots: dict[int | None, int] = {}
        self._textures: dict[int | None, Textures] = {}
        self.taken: list[Material] = []
        self.warnings: list[str] = []

    def slot(self, number: int | None) -> int:
        """Position in `taken` of a material; None is glTF's default one."""
        if number not in self._slots:
            material = self._read({} if number is None else self._plain[number], number)
            self._slots[number] = len(self.taken)
            self.taken.append(material)
        return self._slots[number]

    def index(self, primitive: Json) -> int | None:
        """A primitive's material, checked."""
        return fields.index(primitive, "material", len(self._plain), "material")

    def repainted(self, expressions: list[Used]) -> tuple[Change, ...]:
        """What the expressions do to materials that are drawn."""
        return tuple(
            change(repaint, i, self._slots[repaint.material], self.taken[self._slots[repaint.material]])
            for i, used in enumerate(expressions)
            for repaint in used.plain.repaints
            if repaint.material in self._slots
        )

    def layers(self, number: int | None) -> list[Layer]:
        """The texture coordinates that a material reads."""
        return self._of(number).layers

    def _of(self, number: int | None) -> Textures:
        if number not in self._textures:
            self._textures[number] = Textures({} if number is None else self._plain[number], self._place(number))
        return self._textures[number]

    def _place(self, number: int | None) -> Sequence[float]:
        """Offset and scale of a material's textures, which VRM 0 may have beside the material."""
        old: Json = {}
        if number is not None and number < len(self._vrm.materials):
            old = fields.mapping(self._vrm.materials[number], "vectorProperties")
        u, v, scale_u, scale_v = fields.numbers(old, "_MainTex", (0.0, 0.0, 1.0, 1.0))
        return [float(value) for value in unity_place(u, v, scale_u, scale_v)]

    def _read(self, plain: Json, number: int | None) -> Material:
        metallic, extensions = fields.mapping(plain, "pbrMetallicRoughness"), fields.mapping(plain, "extensions")
        glossy = fields.mapping(extensions, GLOSSY)
        if glossy:
            colour = fields.numbers(glossy, "diffuseFactor", (1.0,) * 4)
            metal, rough = 0.0, 1 - fields.number(glossy, "glossinessFactor", 1.0)
        else:
            colour = fields.numbers(metallic, "baseColorFactor", (1.0,) * 4)
            metal, rough = fields.number(metallic, "metallicFactor", 1), fields.number(metallic, "roughnessFactor", 1)
        style, shade, order = self._style(extensions, number)
        textures = self._of(number)
        if textures.left_out:
            parts = ", ".join(textures.left_out)
            self.warnings.append(f"material {number}: {parts} left out: its textures lie by more than two coordinates")
        base = self._map(textures, "colour", linear=False)
        return Material(
            colour.clip(0, 1).astype(np.float32),
            None if base is None else base.image,
            _ALPHA.get(str(plain.get("alphaMode", "OPAQUE")), "opaque"),
            fields.number(plain, "alphaCutoff", 0.5),
            plain.get("doubleSided") is True,
            style,
            shade,
            _emissive(plain, extensions),
            order,
            emissive_strength=_strength(extensions),
            metallic=float(np.clip(metal, 0, 1)),
            roughness=float(np.clip(rough, 0, 1)),
            normal_scale=_share(textures, "normal", "scale", (-4.0, 4.0)),
            occlusion_strength=_share(textures, "occlusion", "strength", (0.0, 1.0)),
            places=np.array([layer.place for layer in textures.layers], np.float64).reshape(-1, 5),
            # Unlit surfaces show nothing but their colour.
            **({} if style == "unlit" else self._maps(textures)),
        )

    def _maps(self, textures: Textures) -> dict[str, Map | None]:
        return {
            "emissive_map": self._map(textures, "emissive", linear=False),
            "normal_map": self._map(textures, "normal", linear=True),
            "metallic_roughness_map": self._map(textures, "metallic_roughness", linear=True),
            "occlusion_map": self._map(textures, "occlusion", linear=True),
        }

    def _map(self, textures: Textures, part: str, linear: bool) -> Map | None:
        if part not in textures.plain:
            return None
        image = self._images.slot(fields.integer(textures.plain[part], "index", 0), linear)
        return None if image is None else Map(image, textures.layer(part))

    def _style(self, extensions: Json, number: int | None) -> tuple[Style, Array, int]:
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


def _emissive(plain: Json, extensions: Json) -> Array:  # -> (3,)
    colour = fields.numbers(plain, "emissiveFactor", (0.0,) * 3).clip(0, 1)
    return (colour * _strength(extensions)).astype(np.float32)


def _strength(extensions: Json) -> float:
    strength = fields.number(fields.mapping(extensions, "KHR_materials_emissive_strength"), "emissiveStrength", 1.0)
    return float(np.clip(strength, 0, _MAX_EMISSIVE))


def _share(textures: Textures, part: str, key: str, limits: tuple[float, float]) -> float:
    return float(np.clip(fields.number(textures.plain.get(part, {}), key, 1.0), *limits))
