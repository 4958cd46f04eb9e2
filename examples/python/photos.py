"""A folder of photos to textured heads, and one of them as a trimesh for any other program.

python examples/python/photos.py FOLDER OUT
"""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from face3d_live import Head, HeadCodes, InputError, Options, Reconstructor, load_photo


def main(folder: str, out: str) -> None:
    reconstructor = Reconstructor.load()
    for path in sorted(Path(folder).iterdir()):
        target = Path(out) / path.stem
        try:
            made = reconstructor.photo(load_photo(path).rgb, Options(texture=512))
        except InputError as error:  # no face, too dark, no picture at all, ...
            print(f"{path.name}: {error}")
            continue
        target.mkdir(parents=True, exist_ok=True)
        for name, data in made.files.items():
            (target / name).write_bytes(data)
        codes = HeadCodes.load(target / "params.npz")
        texture = np.asarray(Image.open(BytesIO(made.files["texture.png"])).convert("RGB"))
        Head.load().mesh(codes, "low", texture).to_trimesh().export(target / "head.ply")
        print(f"{path.name}: {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
