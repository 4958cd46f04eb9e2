"""Offsets of the mesh deformed to meet measured movements of the face's points. Build-time.

Between the points the correction is as smooth as the surface allows: of all fields it is the one with the least squared
graph Laplacian (Botsch and Sorkine, IEEE TVCG 2008, linear variational deformation), so that upper and lower lip, which
touch in space but not on the surface, move apart freely.
"""

from __future__ import annotations

import numpy as np

from face3d_live.typing import AnyArray, Array, Mask

#: Weight of a point that is met exactly against the smoothness of the field; points err by half a millimetre.
FAITH = 0.3
#: Weight that lets the field die out where no point is near: inside the mouth, on the neck.
DECAY = 1e-4


class Bender:
    """The linear system of one mesh, factorised once for all movements.

    faces: (F, 3) of V vertices. free: (V,) bool, what may move; all else stays. point_faces, point_weights: (P, 3)
    where the points lie. trust: (P,) 0..1 of each point. faith: weight of a trusted point.
    """

    def __init__(
        self,
        faces: AnyArray,
        free: Mask,
        point_faces: AnyArray,
        point_weights: AnyArray,
        trust: AnyArray,
        faith: float = FAITH,
    ) -> None:
        from scipy.sparse import coo_matrix, diags, identity
        from scipy.sparse.linalg import splu

        count = len(free)
        a = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
        touching = coo_matrix((np.ones(len(a[0])), a), (count, count)).tocsr()
        touching = ((touching + touching.T) > 0).astype(float)
        degree = np.maximum(np.asarray(touching.sum(1)).ravel(), 1)
        laplacian = identity(count) - diags(1 / degree) @ touching
        rows = np.repeat(np.arange(len(point_faces)), 3)
        place = coo_matrix((point_weights.ravel(), (rows, point_faces.ravel())), (len(point_faces), count)).tocsr()
        self.place, self.free = place, np.flatnonzero(free)
        pull = place.T @ diags(faith * np.asarray(trust, float))
        system = laplacian.T @ laplacian + DECAY * identity(count) + pull @ place
        self._pull = pull.tocsr()[self.free]
        self._solver = splu(system.tocsc()[self.free][:, self.free].tocsc())

    def bend(self, offsets: Array, targets: Array) -> Array:  # (V, 3), (P, 3) -> (V, 3)
        """The offsets with the smoothest correction that takes the points to their targets, all in metres."""
        missing = targets - self.place @ offsets
        out = offsets.astype(np.float64)
        out[self.free] += self._solver.solve(self._pull @ missing)
        return out.astype(np.float32)
