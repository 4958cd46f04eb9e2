"""The checkpoint: found in the user's folder, read by PyTorch as tensors alone, checked against the layout.

PyTorch is needed for this once: the compiled network is kept in the cache folder (`regress.model_cache`).
"""

from __future__ import annotations

import importlib.util
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.errors import AssetError
from face3d_live.regress import model_cache
from face3d_live.regress.deep3d.layout import tensor_shapes
from face3d_live.typing import Array

#: ModelScope's file, which also holds the networks of HRN; those are not read.
MODELSCOPE = "pytorch_model.pt"
_EPOCH = re.compile(r"epoch_(\d+)\.pth")
_SOURCES = (
    "epoch_20.pth of github.com/sicxu/Deep3DFaceRecon_pytorch, or pytorch_model.pt of ModelScope's "
    "damo/cv_resnet50_face-reconstruction (each under the terms stated there)"
)


def find_checkpoint(folder: Path) -> Path:
    """The checkpoint in a folder or one or two levels below: `pytorch_model.pt`, else `epoch_<n>.pth` of the highest n.

    Raises AssetError "deep3d-missing".
    """
    if not folder.is_dir():
        raise AssetError("deep3d-missing", f"{folder} is no folder: give the one with the checkpoint, {_SOURCES}")
    for level in ("*", "*/*", "*/*/*"):
        files = sorted(path for path in folder.glob(level) if path.is_file())
        named = [path for path in files if path.name == MODELSCOPE]
        epochs = sorted((int(m[1]), path) for path in files if (m := _EPOCH.fullmatch(path.name)))
        if named or epochs:
            return named[0] if named else epochs[-1][1]
    raise AssetError("deep3d-missing", f"{folder} holds no checkpoint: put in {_SOURCES}")


def digest(path: Path) -> str:
    """SHA-256 of the checkpoint. Raises AssetError "deep3d-foreign" where it cannot be read."""
    try:
        return model_cache.digest(path)
    except OSError as error:
        raise _foreign(path, f"it cannot be read ({error.strerror})") from error


def read_checkpoint(path: Path) -> dict[str, Array]:
    """The network's tensors, float32, by the names of `layout.tensor_shapes`.

    Nothing in the file is executed: only tensors and plain values are read. Raises AssetError "torch-missing" without
    PyTorch, "deep3d-foreign" for another network, for a file that holds more than tensors, and for a damaged one.
    """
    if importlib.util.find_spec("torch") is None:
        cure = "pip install 'face3d-live[deep3d]'; later starts need it no more"
        raise AssetError("torch-missing", f"{path.name} is read by PyTorch once: {cure}")
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        tensors = {
            name: np.asarray(tensor.detach().to(torch.float32).numpy(), np.float32)
            for name, tensor in _network_of(stored).items()
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point()
        }
    except pickle.UnpicklingError as error:  # PyTorch's own text goes on to say how to execute it: no advice of ours
        raise _foreign(path, "it is damaged, or holds other things than tensors and plain values") from error
    except Exception as error:  # whatever else a damaged file brings about: zip, struct, runtime, type errors
        raise _foreign(path, f"it cannot be read ({type(error).__name__})") from error
    return checked(tensors, path)


def checked(tensors: Mapping[str, Array], path: Path) -> dict[str, Array]:
    """The tensors of the layout, and no others. Raises AssetError "deep3d-foreign"."""
    found = {}
    for name, shape in tensor_shapes().items():
        tensor = tensors.get(name)
        if tensor is None:
            raise _foreign(path, f"it lacks {name}")
        if tensor.shape != shape:
            raise _foreign(path, f"{name} has the shape {tensor.shape}, not {shape}")
        if not np.isfinite(tensor).all():
            raise _foreign(path, f"{name} holds numbers that are not finite")
        found[name] = tensor
    return found


def _network_of(stored: Any) -> dict[str, Any]:
    """Names and tensors of the regressor: under the key `net_recon`, or by names that begin with it, or alone."""
    if not isinstance(stored, Mapping):
        return {}
    inner = stored.get("net_recon")
    found = inner if isinstance(inner, Mapping) else stored
    named = {name: tensor for name, tensor in found.items() if isinstance(name, str)}
    return {name.removeprefix("net_recon.").removeprefix("module."): tensor for name, tensor in named.items()}


def _foreign(path: Path, reason: str) -> AssetError:
    return AssetError("deep3d-foreign", f"{path} is no checkpoint of this network: {reason}; use {_SOURCES}")
