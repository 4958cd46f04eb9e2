"""Priors of `refine` that do not depend on the photo: symmetry of the two sides, and unchanged size."""

from __future__ import annotations

import numpy as np

from face3d_live.codes import ARKIT, MIRROR, N_EXPRESSION, N_SHAPE
from face3d_live.head.model import Head
from face3d_live.head.points import MIRROR_478
from face3d_live.typing import Array

ASYMMETRY = 0.0015  # metres between a point and its mirror image's
UNEVEN = 0.35  # between the coefficients of two sides


def evenness(head: Head) -> Array:  # (132, 132)
    """The quadratic form of expression and shape that penalises asymmetry."""
    shape = head.point_basis().shape  # (80, 478, 3)
    mirrored = shape[:, MIRROR_478] * np.array([-1, 1, 1], np.float32)
    odd = (shape - mirrored).reshape(N_SHAPE, -1) * np.sqrt(20 / shape.shape[1]) / ASYMMETRY
    swap = np.eye(N_EXPRESSION) - np.eye(N_EXPRESSION)[MIRROR]
    looks = [i for i, name in enumerate(ARKIT) if name.startswith("eyeLook")]
    swap[looks] = 0  # both eyes look the same way: one in, one out
    form = np.zeros((N_EXPRESSION + N_SHAPE,) * 2, np.float32)
    form[:N_EXPRESSION, :N_EXPRESSION] = swap.T @ swap / 2 / UNEVEN**2
    form[N_EXPRESSION:, N_EXPRESSION:] = odd @ odd.T
    return form


def growth(head: Head) -> Array:  # (80,)
    """The logarithm of the factor by which the face grows with each component of the shape."""
    face = head.regions["face"]
    place = head.template[face] - head.template[face].mean(0)
    return np.asarray((head.shape_basis[:, face] * place).sum((1, 2)) / (place**2).sum(), np.float32)
