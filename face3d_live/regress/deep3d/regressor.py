"""`Deep3DRegressor`: cv_resnet50_face-reconstruction and Deep3DFaceRecon_pytorch behind `interface.FaceRegressor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.checks import checked_size
from face3d_live.head.model import Head
from face3d_live.regress import model_cache, openvino_graph
from face3d_live.regress.crop import Crop
from face3d_live.regress.deep3d import graph
from face3d_live.regress.deep3d.alignment import Placement, extract
from face3d_live.regress.deep3d.checkpoint import digest, find_checkpoint, read_checkpoint
from face3d_live.regress.deep3d.coefficients import METRES
from face3d_live.regress.deep3d.decoder import PRIOR, Decoder
from face3d_live.regress.deep3d.layout import N_COEFFICIENTS, SIZE
from face3d_live.regress.deep3d.morphable_model import find_model, load_colours, load_model
from face3d_live.regress.devices import resolve
from face3d_live.regress.interface import OwnMesh
from face3d_live.regress.openvino_backend import OpenVinoBackend, Source
from face3d_live.regress.prediction import Prediction
from face3d_live.regress.runtime import Backend
from face3d_live.typing import AnyArray, Device, Picture, Precision, Rgb


class Deep3DRegressor:
    """See `interface.FaceRegressor`. Not thread-safe on CUDA; elsewhere several calls at once are fine.

    model_folder: where the morphable model's files lie; they are read again for `own_mesh`.
    """

    prior = PRIOR

    def __init__(
        self,
        decoder: Decoder,
        backend: Backend,
        meta: dict[str, Any],
        model_folder: Path,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        self.meta, self.device, self.precision, self.model_folder = meta, device, precision, model_folder
        self._decoder, self._backend = decoder, backend
        self._place = Placement(decoder.mean_points)
        self.predict(np.zeros((1, SIZE, SIZE, 3), np.uint8))  # the first call allocates: not on a live frame

    @classmethod
    def load(
        cls, folder: Path, head: Head, device: Device = "auto", precision: Precision = "auto", threads: int = 1
    ) -> Deep3DRegressor:
        """From a folder with a checkpoint and the morphable model; `threads` is for the CPU.

        Raises AssetError: "deep3d-missing", "deep3d-foreign", "bfm-missing", "bfm-foreign", "torch-missing", and for a
        device or a precision that is not there.
        """
        threads = checked_size(threads, "threads")
        path, place = find_checkpoint(folder), find_model(folder)
        found, chosen = resolve(device, precision, ranges=False)
        decoder = Decoder(load_model(place), head)
        meta = {"regressor": "deep3d", "checkpoint": path.name}
        if found == "cuda":
            from face3d_live.regress.deep3d.torch_network import Deep3DTorchBackend

            return cls(decoder, Deep3DTorchBackend(read_checkpoint(path), found, chosen), meta, place, found, chosen)
        made_from = {
            "weights": digest(path),
            "graph": model_cache.digest(Path(openvino_graph.__file__)) + model_cache.digest(Path(graph.__file__)),
        }
        source = Source(lambda: graph.build(read_checkpoint(path)), made_from, (graph.OUTPUT,))
        return cls(decoder, OpenVinoBackend.load(source, found.upper(), chosen, threads), meta, place, found, chosen)

    def cut(self, rgb: Rgb, square: Crop, points: AnyArray | None = None) -> tuple[Picture, Crop]:
        """The network's alignment, see `alignment`; without points, where it puts the mean face of such a square."""
        return extract(rgb, self._place(square, points))

    def predict(self, pictures: Picture) -> Prediction:  # (B, 224, 224, 3) RGB
        """Codes and points of each picture. Raises ValueError on another shape or type, and on no pictures."""
        return self._decoder.decode(self.coefficients(pictures))

    def coefficients(self, pictures: Picture) -> AnyArray:  # (B, 224, 224, 3) RGB -> (B, 257)
        """What the network itself answers, in the order of `layout`. Raises as `predict`."""
        wanted = f"pictures: expected uint8 (B, {SIZE}, {SIZE}, 3)"
        if not isinstance(pictures, np.ndarray):
            raise ValueError(f"{wanted}, got {type(pictures).__name__}")
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (SIZE, SIZE, 3) or not len(pictures):
            raise ValueError(f"{wanted}, got {pictures.dtype} {pictures.shape}")
        answer = np.array(self._backend.run(np.ascontiguousarray(pictures))[graph.OUTPUT], np.float32)
        return answer.reshape(len(pictures), N_COEFFICIENTS)

    def own_mesh(self, coefficients: AnyArray) -> OwnMesh:  # (257,)
        """The morphable model's whole face, every vertex by the published formula, in the head's frame.

        Raises AssetError, see `load_model`.
        """
        model = load_model(self.model_folder)
        vertices = METRES * model.vertices(coefficients) @ self._decoder.turn.T + self._decoder.shift
        colours = load_colours(self.model_folder).colours(coefficients)
        return OwnMesh(np.asarray(vertices, np.float32), model.faces, colours)
