"""Figures of merit, on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.codes import ARKIT
from face3d_live.head.model import Head
from face3d_live.head.points import EYE_CORNERS

#: A channel is judged where the truth moves at least so much (standard deviation).
MOVING = 0.04


@dataclass(frozen=True)
class Answers:
    """What is compared, for N faces: either the network's own answers or those after the fit."""

    points: NDArray  # (N, 478, 2) crop coordinates
    expression: NDArray  # (N, 52)
    shape: NDArray  # (N, 80)
    rotation: NDArray  # (N, 3, 3)


def eye_distance(points: NDArray) -> NDArray:  # (N, 478, 2) -> (N,)
    """Between the outer eye corners, never under a quarter of the face's size (a profile has hardly any)."""
    between = np.linalg.norm(points[:, EYE_CORNERS[0]] - points[:, EYE_CORNERS[1]], axis=-1)
    return np.maximum(between, np.ptp(points, axis=1).max(-1) / 4)


def point_errors(points: NDArray, truth: NDArray, weight: NDArray) -> NDArray:  # (N, 478, 2) x 2, (N, 478) -> (N,)
    """Mean distance in per cent of the eye distance."""
    distance = np.linalg.norm(points - truth, axis=-1)
    return 100 * (distance * weight).sum(1) / weight.sum(1) / eye_distance(truth)


def correlations(values: NDArray, truth: NDArray) -> dict[str, float]:  # (N, 52) x 2
    """Pearson's r of each channel whose truth moves; 0 where the answer does not."""
    out = {}
    for i, name in enumerate(ARKIT):
        if truth[:, i].std() >= MOVING:
            moving = values[:, i].std() > 1e-6
            out[name] = float(np.corrcoef(values[:, i], truth[:, i])[0, 1]) if moving else 0.0
    return out


def vertex_errors(head: Head, answers: Answers, shape: NDArray, expression: NDArray) -> NDArray:  # -> (N,)
    """Mean distance over the face's vertices in the head frame, millimetres."""
    face = head.regions["face"]
    out = np.empty(len(shape))
    for i in range(len(shape)):
        difference = head.vertices(answers.shape[i], answers.expression[i]) - head.vertices(shape[i], expression[i])
        out[i] = 1e3 * np.linalg.norm(difference[face], axis=-1).mean()
    return out


def rotation_errors(rotation: NDArray, truth: NDArray) -> NDArray:  # (N, 3, 3) x 2 -> (N,)
    """Geodesic distance in degrees."""
    return np.degrees(rotations.angle_between(rotation, truth))


def confidence_correlation(confidence: NDArray, errors: NDArray) -> float:
    """Spearman's rank correlation of confidence and error: -1 is perfect."""
    first, second = (np.argsort(np.argsort(values)).astype(np.float64) for values in (confidence, errors))
    return float(np.corrcoef(first, second)[0, 1])
