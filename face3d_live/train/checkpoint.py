"""Training state on disk, so that an interrupted run goes on where it was; and the weights that leave a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from face3d_live.errors import InputError
from face3d_live.regress import weights
from face3d_live.regress.network import Network

NAME = "checkpoint.pt"


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `checkpoint.pt`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{NAME}"
    torch.save(dict(state), partial)
    partial.replace(folder / NAME)


def load(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The state that `save` left, or None when there is none. Raises InputError when the file is damaged."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise InputError("checkpoint-broken", f"{path} cannot be read ({error}): delete it to start anew") from error
    return dict(state)


def export(path: Path, network: Network, size: int, meta: Mapping[str, Any]) -> None:
    """Write the weights file of a network whose last training pictures had `size` pixels a side."""
    tensors = {name: tensor.detach().float().cpu().numpy() for name, tensor in network.state_dict().items()}
    weights.save(path, tensors, {"architecture": network.architecture.to_json(), "size": size, **meta})
