"""A set of files, by name: written to a folder all or none, or packed into a zip."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from face3d_live.files import make_folder, open_new

#: Already compressed: packing it again costs time and gains nothing.
_PACKED = (".png", ".npz", ".jpg", ".glb", ".vrm")
#: Of the rest: a medium mesh.obj of 3.8 MB is packed to 1.05 MB in 50 ms; at zlib's usual level to 0.98 MB in 165 ms.
_LEVEL = 3


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip of the files, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            packed = name.endswith(_PACKED)
            archive.writestr(name, data, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED, _LEVEL)
    return out.getvalue()


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files into `folder`, made when missing. They are complete before the first one appears there.

    New ones are for their owner alone. Raises OSError when the disk refuses; a folder that was not there before is
    then not there after.
    """
    make_folder(folder.parent)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, data in files.items():
            with open(draft / name, "xb", opener=open_new) as file:
                file.write(data)
        if folder.is_dir():
            for name in files:
                (draft / name).replace(folder / name)
        else:
            draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
