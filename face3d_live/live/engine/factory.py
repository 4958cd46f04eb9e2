"""Makes the engine's pipeline. A module of its own: the engine process imports it by its name, and not the server."""

from __future__ import annotations

from face3d_live.live.engine.pipeline import Pipeline
from face3d_live.regress.choose import OWN
from face3d_live.typing import Device, Precision


def make_pipeline(device: Device, precision: Precision, regressor: str = OWN) -> Pipeline:
    """Called in the engine process, the only one that imports the network and OpenGL."""
    from face3d_live.live.engine.head_pipeline import HeadPipeline

    return HeadPipeline(device, precision, regressor)
