"""Face3D Live: a webcam in, a living 3D head out.

The public API. What is exported here, its documented parameters and the fields of what it returns are stable within a
minor version; every other module may change at any time. Names are loaded on first use: `import face3d_live` itself
loads neither NumPy nor OpenCV, and sets nothing in the process that imports it.

    from face3d_live import Tracker

    tracker = Tracker.load()
    face = tracker.update(rgb, t)  # (H, W, 3) uint8 RGB, seconds
    face.codes.expression  # (52,) ARKit coefficients, 0..1
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from face3d_live.version import __version__

if TYPE_CHECKING:
    from face3d_live.avatar.load import read_avatar
    from face3d_live.avatar.model import Avatar
    from face3d_live.camera import Camera
    from face3d_live.codes import ARKIT, HeadCodes
    from face3d_live.errors import AssetError, Face3DError, InputError
    from face3d_live.head.mesh import HeadMesh
    from face3d_live.head.model import Head
    from face3d_live.reconstruct.options import Options
    from face3d_live.reconstruct.photo import load_photo
    from face3d_live.reconstruct.reconstructor import Reconstruction, Reconstructor
    from face3d_live.render.avatar_renderer import AvatarRenderer
    from face3d_live.render.renderer import Renderer
    from face3d_live.render.view import View
    from face3d_live.takes.formats import load_take, save_take
    from face3d_live.takes.model import Take
    from face3d_live.track.tracker import Tracker
    from face3d_live.track.types import Tracked

__all__ = [
    "ARKIT", "AssetError", "Avatar", "AvatarRenderer", "Camera", "Face3DError", "Head", "HeadCodes", "HeadMesh",
    "InputError", "Options", "Reconstruction", "Reconstructor", "Renderer", "Take", "Tracked", "Tracker", "View",
    "__version__", "load_photo", "load_take", "read_avatar", "save_take",
]  # fmt: skip

#: Name -> the module that defines it.
_MODULES = {
    "ARKIT": "codes",
    "AssetError": "errors",
    "Avatar": "avatar.model",
    "AvatarRenderer": "render.avatar_renderer",
    "Camera": "camera",
    "Face3DError": "errors",
    "Head": "head.model",
    "HeadCodes": "codes",
    "HeadMesh": "head.mesh",
    "InputError": "errors",
    "Options": "reconstruct.options",
    "Reconstruction": "reconstruct.reconstructor",
    "Reconstructor": "reconstruct.reconstructor",
    "Renderer": "render.renderer",
    "Take": "takes.model",
    "Tracked": "track.types",
    "Tracker": "track.tracker",
    "View": "render.view",
    "load_photo": "reconstruct.photo",
    "load_take": "takes.formats",
    "read_avatar": "avatar.load",
    "save_take": "takes.formats",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
