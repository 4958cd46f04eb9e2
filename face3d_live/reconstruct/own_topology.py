"""What a regressor knows of a face in its own terms: its coefficients, and the mesh in its own topology."""

from __future__ import annotations

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.export.obj import coloured_obj_text
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.options import Options
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.deep3d.surface import vertex_normals
from face3d_live.regress.fit import Fitter
from face3d_live.regress.interface import FaceRegressor, HasOwnMesh
from face3d_live.typing import Array, Picture


def check_topology(options: Options, own_regressor: bool) -> None:
    """Raises InputError "bad-topology" where the project's own regressor is asked for another one's mesh."""
    if options.topology != "own" and own_regressor:
        raise refusal("bad-topology", options.topology)


def coefficients_of(
    regressor: FaceRegressor, fitter: Fitter, rgb: Picture, codes: HeadCodes, camera: Camera
) -> Array:  # -> (n,)
    """The regressor's own numbers, see `Prediction`, for a face of a picture (H, W, 3) whose codes are known."""
    points = camera.project(fitter.points3d(codes))
    picture, _ = regressor.cut(rgb, crop_from_points(points), points)
    return np.asarray(regressor.predict(picture[None]).coefficients[0], np.float32)


def own_mesh_file(regressor: FaceRegressor, coefficients: Array) -> bytes:
    """mesh.obj in the regressor's topology, coloured by vertex. Raises AssetError for the files it is read from."""
    assert isinstance(regressor, HasOwnMesh), "check_topology comes first"
    mesh = regressor.own_mesh(coefficients)
    normals = vertex_normals(mesh.vertices, mesh.faces)
    return coloured_obj_text(mesh.vertices, mesh.faces, normals, mesh.colours, "face").encode()
