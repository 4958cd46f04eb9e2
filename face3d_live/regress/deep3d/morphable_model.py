"""The Basel Face Model 2009 as the network's training used it: 35,709 vertices of the face, 80 + 64 + 80 components.

Read from the user's own files with SciPy; nothing of it comes with this project or is kept outside the user's folder.
`BFM_model_front.mat` holds all of it. `01_MorphableModel.mat` (Basel's own file: micrometres, 53,490 vertices, 199
components) with `Exp_Pca.bin` (movements of 53,215 of these) is cut down to the same by the small index files that
come with Deep3DFaceRecon_pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.arrays import DAMAGE
from face3d_live.errors import AssetError
from face3d_live.regress.deep3d.layout import ALBEDO, EXPRESSION, IDENTITY, N_ALBEDO, N_BFM_EXPRESSION, N_IDENTITY
from face3d_live.regress.deep3d.surface import outward
from face3d_live.typing import AnyArray, Array

FRONT, BASEL, MOVEMENTS = "BFM_model_front.mat", "01_MorphableModel.mat", "Exp_Pca.bin"
#: What cuts Basel's file down, all in the folder BFM of Deep3DFaceRecon_pytorch.
SMALL = ("std_exp.txt", "BFM_front_idx.mat", "BFM_exp_idx.mat", "facemodel_info.mat")
#: Vertices of Basel's model, and of those that have movements.
N_BASEL, N_MOVING = 53490, 53215
#: Basel's micrometres to decimetres.
_DECIMETRES = 1e-5

_FROM = {
    BASEL: "the University of Basel, faces.dmi.unibas.ch/bfm, after registering (research only, not to be passed on)",
    MOVEMENTS: "Guo et al., github.com/Juyong/3DFace (research only)",
    **dict.fromkeys(SMALL, "the folder BFM of github.com/sicxu/Deep3DFaceRecon_pytorch"),
}


@dataclass(frozen=True)
class MorphableModel:
    """Decimetres, x right, y up, z out of the face. All in the order of the file's vertices.

    mean: (N, 3), its own mean at the origin. identity: (3N, 80), expression: (3N, 64), rows x, y, z of each vertex.
    faces: (F, 3) counter-clockwise from outside. keypoints: (68,) vertices of iBUG's points.
    """

    mean: Array
    identity: Array
    expression: Array
    faces: NDArray[np.int32]
    keypoints: NDArray[np.int32]

    def vertices(self, coefficients: AnyArray) -> Array:  # (257,) -> (N, 3)
        """The face with its expression, not turned."""
        moved = self.identity @ coefficients[IDENTITY] + self.expression @ coefficients[EXPRESSION]
        return np.asarray(self.mean + moved.reshape(-1, 3), np.float32)


@dataclass(frozen=True)
class VertexColours:
    """Albedo of every vertex, picture values 0..255: mean (3N,) and components (3N, 80)."""

    mean: Array
    components: Array

    def colours(self, coefficients: AnyArray) -> Array:  # (257,) -> (N, 3) in 0..1
        """The albedo, sRGB."""
        values = self.mean + self.components @ coefficients[ALBEDO]
        return np.clip(values.reshape(-1, 3) / 255, 0, 1).astype(np.float32)


def find_model(folder: Path) -> Path:
    """The folder, `folder` or one or two levels below, that holds the model's files.

    Raises AssetError "bfm-missing": what is lacking, and from whom it comes.
    """
    for level in ("*", "*/*", "*/*/*"):
        for name in (FRONT, BASEL):
            found = sorted(path for path in folder.glob(level) if path.name == name and path.is_file())
            if found:
                place = found[0].parent
                if name == BASEL:
                    _all_there(place)
                return place
    cure = f"put in {FRONT}, or {BASEL} with {MOVEMENTS} and {', '.join(SMALL)}"
    raise AssetError("bfm-missing", f"{folder} holds no Basel Face Model 2009: {cure}; from {_FROM[BASEL]}")


def load_model(place: Path) -> MorphableModel:
    """The shapes of the model in a folder of `find_model`. Raises AssetError "bfm-missing", "bfm-foreign"."""
    try:
        model = _front(place) if (place / FRONT).is_file() else _cut_down(place)
    except DAMAGE as error:  # shapes that do not go together
        raise _foreign(place, str(error)[:200]) from error
    model = _checked(model, place)
    return replace(model, faces=np.ascontiguousarray(outward(model.mean, model.faces)))


def load_colours(place: Path) -> VertexColours:
    """The albedo, which only `reconstruct --topology bfm` needs. Raises as `load_model`."""
    if (place / FRONT).is_file():
        stored = _mat(place / FRONT, ("meantex", "texBase"))
        mean, components = stored["meantex"].ravel(), stored["texBase"]
    else:
        _all_there(place)
        stored, kept, _ = _mat(place / BASEL, ("texMU", "texPC", "texEV")), *_kept(place)
        mean = _rows(stored["texMU"].reshape(-1, 1), kept).ravel()
        components = _rows(_scaled(stored["texPC"], stored["texEV"], N_ALBEDO), kept)
    if components.shape != (len(mean), N_ALBEDO):
        raise _foreign(place, f"the albedo has the shape {components.shape}")
    return VertexColours(mean.astype(np.float32), components.astype(np.float32))


def _front(place: Path) -> MorphableModel:
    stored = _mat(place / FRONT, ("meanshape", "idBase", "exBase", "tri", "keypoints"))
    return _model(stored["meanshape"], stored["idBase"], stored["exBase"], stored["tri"], stored["keypoints"], place)


def _cut_down(place: Path) -> MorphableModel:
    _all_there(place)
    kept, moving = _kept(place)
    basel = _mat(place / BASEL, ("shapeMU", "shapePC", "shapeEV"))
    identity = _rows(_scaled(basel["shapePC"], basel["shapeEV"], N_IDENTITY), kept) * _DECIMETRES
    mean = _rows(basel["shapeMU"].reshape(-1, 1), kept) * _DECIMETRES
    expression = _rows(_movements(place), moving) * _DECIMETRES
    info = _mat(place / SMALL[3], ("tri", "keypoints"))
    return _model(mean, identity, expression, info["tri"], info["keypoints"], place)


def _kept(place: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each vertex kept: its number in Basel's model, and among those that have movements."""
    moving = _mat(place / SMALL[1], ("idx",))["idx"].ravel().astype(np.int64) - 1
    basel = _mat(place / SMALL[2], ("trimIndex",))["trimIndex"].ravel().astype(np.int64) - 1
    if len(basel) != N_MOVING or moving.min() < 0 or moving.max() >= N_MOVING or basel.min() < 0:
        raise _foreign(place, f"{SMALL[1]} and {SMALL[2]} do not belong together")
    if basel.max() >= N_BASEL:
        raise _foreign(place, f"{SMALL[2]} names a vertex that the model has not")
    return basel[moving], moving


def _movements(place: Path) -> Array:  # (3 * 53215, 64)
    """`Exp_Pca.bin`: int32 count, float32 mean (3 x 53215), then as many for each component. `std_exp.txt`: their
    standard deviations."""
    path = place / MOVEMENTS
    try:
        count = int(np.fromfile(path, np.int32, 1)[0])
        sizes = np.loadtxt(place / SMALL[0], dtype=np.float64).ravel()
        if not N_BFM_EXPRESSION <= count <= 1000 or path.stat().st_size != 4 + 4 * 3 * N_MOVING * (1 + count):
            raise ValueError(f"its size is not that of {count} components of {N_MOVING} vertices")
        if len(sizes) < N_BFM_EXPRESSION:
            raise ValueError(f"{SMALL[0]} has {len(sizes)} numbers")
        values = np.fromfile(path, np.float32, 3 * N_MOVING * N_BFM_EXPRESSION, offset=4 + 4 * 3 * N_MOVING)
    except DAMAGE as error:
        raise _foreign(path, str(error)) from error
    return (values.reshape(N_BFM_EXPRESSION, -1).T * sizes[:N_BFM_EXPRESSION]).astype(np.float32)


def _scaled(components: AnyArray, sizes: AnyArray, count: int) -> AnyArray:  # (3V, 199), (199, 1) -> (3V, count)
    return np.asarray(components[:, :count] * sizes.ravel()[:count])


def _rows(values: AnyArray, kept: NDArray[np.int64]) -> AnyArray:  # (3V, n) -> (3 len(kept), n)
    return values.reshape(-1, 3, values.shape[1])[kept].reshape(-1, values.shape[1])


def _model(
    mean: AnyArray, identity: AnyArray, expression: AnyArray, faces: AnyArray, keypoints: AnyArray, place: Path
) -> MorphableModel:
    """The arrays as they are kept; indices count from 1 in the files."""
    places = mean.astype(np.float64).reshape(-1, 3)
    return MorphableModel(
        (places - places.mean(0)).astype(np.float32),
        identity.astype(np.float32),
        expression.astype(np.float32),
        faces.astype(np.int32) - 1,
        keypoints.ravel().astype(np.int32) - 1,
    )


def _checked(model: MorphableModel, place: Path) -> MorphableModel:
    count = len(model.mean)
    shapes = {
        "identity": (model.identity.shape, (3 * count, N_IDENTITY)),
        "expression": (model.expression.shape, (3 * count, N_BFM_EXPRESSION)),
        "keypoints": (model.keypoints.shape, (68,)),
        "triangles": (model.faces.shape, (len(model.faces), 3)),
    }
    for name, (found, wanted) in shapes.items():
        if found != wanted:
            raise _foreign(place, f"{name} of the shape {found}, not {wanted}")
    for name, indices in (("triangles", model.faces), ("keypoints", model.keypoints)):
        if not len(indices) or indices.min() < 0 or indices.max() >= count:
            raise _foreign(place, f"{name} that refer to vertices that are not there")
    if not all(np.isfinite(part).all() for part in (model.mean, model.identity, model.expression)):
        raise _foreign(place, "numbers that are not finite")
    return model


def _all_there(place: Path) -> None:
    lacking = [name for name in (BASEL, MOVEMENTS, *SMALL) if not (place / name).is_file()]
    if lacking:
        each = "; ".join(f"{name} from {_FROM[name]}" for name in lacking)
        raise AssetError("bfm-missing", f"{place} has {BASEL} but lacks: {each}; or put in {FRONT}, which needs none")


def _mat(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Numeric arrays of a MATLAB file, by name."""
    from scipy.io import loadmat

    if not path.is_file():
        raise AssetError("bfm-missing", f"{path} is missing: it comes from {_FROM.get(path.name, _FROM[BASEL])}")
    try:
        stored = loadmat(path, variable_names=list(names))
    except Exception as error:  # SciPy's readers raise whatever a damaged file brings about
        raise _foreign(path, f"it cannot be read ({str(error)[:120] or type(error).__name__})") from error
    for name in names:
        if not isinstance(stored.get(name), np.ndarray) or stored[name].dtype.kind not in "fiu":
            raise _foreign(path, f"it holds no array {name}")
    return {name: stored[name] for name in names}


def _foreign(path: Path, reason: str) -> AssetError:
    cure = f"use {FRONT}, or {BASEL} with its companions, of the Basel Face Model 2009; from {_FROM[BASEL]}"
    return AssetError("bfm-foreign", f"{path} is not the model that the network was trained with: {reason}; {cure}")
