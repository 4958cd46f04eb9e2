"""Which regressor: this project's own, or another one that the user has the files of (`deep3d:FOLDER`)."""

from __future__ import annotations

from pathlib import Path

from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.regress.interface import FaceRegressor
from face3d_live.typing import Device, Precision

OWN = "own"
_DEEP3D = "deep3d:"


def deep3d_folder(name: str) -> Path | None:
    """The folder of `deep3d:FOLDER`; None for the project's own regressor. Raises InputError "bad-regressor"."""
    if name == OWN:
        return None
    if name.startswith(_DEEP3D) and name != _DEEP3D:
        return Path(name.removeprefix(_DEEP3D)).expanduser()
    raise InputError("bad-regressor", f"{name!r} is no regressor: use own, or deep3d:FOLDER (docs/deep3d.md)")


def notice(name: str) -> str | None:
    """What the user is to be told before the regressor is used: the licence of its files, once; else None.

    Finds the files without reading them. Raises InputError "bad-regressor", AssetError "deep3d-missing", "bfm-missing".
    """
    folder = deep3d_folder(name)
    if folder is None:
        return None
    from face3d_live.regress.deep3d.checkpoint import find_checkpoint
    from face3d_live.regress.deep3d.licence import licence_notice
    from face3d_live.regress.deep3d.morphable_model import find_model

    find_checkpoint(folder)
    return licence_notice(find_model(folder))


def load_regressor(
    name: str, head: Head, device: Device = "auto", precision: Precision = "auto", threads: int = 1
) -> FaceRegressor:
    """The regressor of a name. Raises InputError "bad-regressor", and AssetError, see the classes' own `load`."""
    folder = deep3d_folder(name)
    if folder is None:
        from face3d_live.regress.runtime import Regressor

        return Regressor.load(device, threads=threads, precision=precision)
    from face3d_live.regress.deep3d.regressor import Deep3DRegressor

    return Deep3DRegressor.load(folder, head, device, precision, threads)
