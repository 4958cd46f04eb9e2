"""The extra `cluster`, which the commands for several machines need."""

from __future__ import annotations

from importlib.util import find_spec

from face3d_live.errors import AssetError


def require_ray() -> None:
    """Raises AssetError "ray-missing" where the extra is not installed."""
    if find_spec("ray") is None or find_spec("aiohttp") is None:
        raise AssetError("ray-missing", "several machines work together by Ray: pip install 'face3d-live[cluster]'")
