"""`FaceRegressor`: what the tracker, the fit and the reconstruction need of a network. The rest of it is its own.

`runtime.Regressor` is the project's own, `deep3d.regressor.Deep3DRegressor` runs other people's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy import int32
from numpy.typing import NDArray

from face3d_live.regress.crop import Crop
from face3d_live.regress.fit import Prior
from face3d_live.regress.prediction import Prediction
from face3d_live.typing import AnyArray, Array, Picture, Rgb


@dataclass(frozen=True)
class OwnMesh:
    """A face in a regressor's own topology, with its expression: vertices (V, 3), metres, head frame; faces (F, 3);
    colours (V, 3) albedo, sRGB 0..1."""

    vertices: Array
    faces: NDArray[int32]
    colours: Array


class FaceRegressor(Protocol):
    """Pictures of faces in, points with their sigma and codes out.

    meta: where the weights come from, for reports. device: "cpu", "gpu" or "cuda". precision: "fp32", "bf16", "fp16" or
    "int8".
    """

    @property
    def meta(self) -> Mapping[str, Any]: ...
    @property
    def device(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def prior(self) -> Prior:
        """How closely the fit holds to the expression of a `Prediction`."""

    def cut(self, rgb: Rgb, square: Crop, points: AnyArray | None = None) -> tuple[Picture, Crop]:
        """The picture (size, size, 3) that the network reads, and the square of the frame that it shows.

        rgb: the frame (H, W, 3). square: where `crop.crop_from_points` puts the face, or a detector expects that.
        points: (478, 2) frame pixels, the face as far as it is known: a network that is aligned by points needs them.
        A square that is not that of the points (moved, enlarged) moves and enlarges the network's picture as much.
        """

    def predict(self, pictures: Picture) -> Prediction:
        """Codes and points of pictures of `cut`, stacked, in coordinates of the squares that they show.

        Raises ValueError for another shape or type, and for no pictures.
        """


@runtime_checkable
class HasOwnMesh(Protocol):
    """A regressor with a mesh of its own."""

    def own_mesh(self, coefficients: AnyArray) -> OwnMesh:
        """The mesh of coefficients (n,) of a `Prediction`. Raises AssetError for the files that it is read from."""
