"""Required glTF extensions: compressions are refused with a cure, unknown ones by their name."""

from __future__ import annotations

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.accessors import MAX_ACCESSORS
from face3d_live.avatar.gltf.fields import Json
from face3d_live.errors import InputError

#: Compressions, and how one gets a file without them.
_COMPRESSED = {
    "KHR_draco_mesh_compression": "in Blender's export untick Compression, or run gltf-transform copy in.glb out.glb",
    "EXT_meshopt_compression": "leave gltfpack's -c and -cc out, or run gltf-transform copy in.glb out.glb",
    "KHR_meshopt_compression": "leave gltfpack's -c and -cc out, or run gltf-transform copy in.glb out.glb",
    "KHR_texture_basisu": "keep its textures as PNG, JPEG or WebP instead of KTX2",
}
#: Extensions that a file may require: read here, or without an effect on what is drawn.
_KNOWN = (  # prefixes
    "KHR_materials_",
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "KHR_node_visibility",
    "KHR_animation_pointer",
    "KHR_lights_punctual",
    "KHR_xmp",
    "EXT_lights_",
    "EXT_texture_webp",
    "VRM",
)


def check_extensions(root: Json) -> None:
    """Raises InputError "avatar-compressed", "avatar-extension"."""
    required = [name for name in fields.listed(root, "extensionsRequired", 200) if isinstance(name, str)]
    for name in required:
        if name in _COMPRESSED:
            raise _compressed(name)
        if not name.startswith(_KNOWN):
            raise InputError("avatar-extension", f"the model needs {name[:60]}, which is not read: export without it")
    # Compressed views without a plain copy: their own buffer has the size of the unpacked data, and no data.
    for view in fields.objects(root, "bufferViews", MAX_ACCESSORS):
        for name in fields.mapping(view, "extensions"):
            if name in _COMPRESSED and view.get("buffer") != 0:
                raise _compressed(name)


def check_primitive(primitive: Json) -> None:
    """Raises InputError "avatar-compressed"."""
    for name in fields.mapping(primitive, "extensions"):
        if name in _COMPRESSED:
            raise _compressed(name)


def _compressed(name: str) -> InputError:
    text = f"the model is compressed with {name}, which is not read: {_COMPRESSED[name]}"
    return InputError("avatar-compressed", text)
