"""Figures of merit of single pictures, on plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from face3d_live import rotations
from face3d_live.codes import ARKIT, gaze_angles
from face3d_live.head.model import Head
from face3d_live.head.points import EYE_CORNERS, IBUG68_FROM_478
from face3d_live.typing import AnyArray

#: Name of a group of faces -> "faces" and mean "error".
Groups = dict[str, dict[str, float]]

#: A channel is judged where the truth moves at least so much (standard deviation).
MOVING = 0.04


@dataclass(frozen=True)
class Answers:
    """What is compared, for N faces: either the network's own answers or those after the fit."""

    points: AnyArray  # (N, 478, 2) crop coordinates
    expression: AnyArray  # (N, 52)
    shape: AnyArray  # (N, 80)
    rotation: AnyArray  # (N, 3, 3)


def eye_distance(points: AnyArray) -> AnyArray:  # (N, 478, 2) -> (N,)
    """Between the outer eye corners, never under a quarter of the face's size (a profile has hardly any)."""
    between = np.linalg.norm(points[:, EYE_CORNERS[0]] - points[:, EYE_CORNERS[1]], axis=-1)
    result: AnyArray = np.maximum(between, np.ptp(points, axis=1).max(-1) / 4)
    return result


def point_errors(points: AnyArray, truth: AnyArray, weight: AnyArray) -> AnyArray:  # (N, 478, 2) x 2, (N, 478) -> (N,)
    """Mean distance in per cent of the eye distance."""
    distance = np.linalg.norm(points - truth, axis=-1)
    result: AnyArray = 100 * (distance * weight).sum(1) / weight.sum(1) / eye_distance(truth)
    return result


def landmark_errors(points: AnyArray, truth: AnyArray) -> AnyArray:  # (N, 478, 2) x 2 -> (N,)
    """The same with all 478 alike."""
    return point_errors(points, truth, np.ones(truth.shape[:2]))


def ibug_errors(points: AnyArray, truth: AnyArray) -> AnyArray:  # (N, 478, 2) x 2 -> (N,)
    """The same over iBUG's 68, what files and other programs get to see."""
    weight = np.zeros(truth.shape[:2])
    weight[:, list(IBUG68_FROM_478)] = 1
    return point_errors(points, truth, weight)


def pearson(a: AnyArray, b: AnyArray) -> float:  # (N,) x 2
    """Pearson's r; 0 where one of the two does not move."""
    if min(a.std(), b.std()) < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def correlations(values: AnyArray, truth: AnyArray, moving: float = MOVING) -> dict[str, float]:  # (N, 52) x 2
    """Pearson's r of each channel whose truth moves; 0 where the answer does not."""
    spread = truth.std(0)
    return {name: pearson(values[:, i], truth[:, i]) for i, name in enumerate(ARKIT) if spread[i] >= moving}


def slopes(values: AnyArray, truth: AnyArray, moving: float = MOVING) -> dict[str, float]:  # (N, 52) x 2
    """How much of a movement is answered: the slope of the least-squares line of each channel on the truth that moves,
    1 where it comes at its size.
    """
    about, spread = truth - truth.mean(0), truth.std(0)
    return {
        name: float((about[:, i] * values[:, i]).mean() / spread[i] ** 2)
        for i, name in enumerate(ARKIT)
        if spread[i] >= moving
    }


def face_surfaces(head: Head, shape: AnyArray, expression: AnyArray) -> AnyArray:  # (N, 80), (N, 52) -> (N, F, 3)
    """The vertices of the face region in the head frame, metres; some heads at a time, as whole ones fill gigabytes."""
    region = head.regions["face"]
    rows = range(0, len(shape), 32)
    return np.concatenate([head.vertices(shape[i : i + 32], expression[i : i + 32])[:, region] for i in rows])


def surface_errors(surface: AnyArray, truth: AnyArray) -> AnyArray:  # (N, F, 3) x 2, metres -> (N,)
    """Mean distance of vertices, millimetres."""
    result: AnyArray = 1e3 * np.linalg.norm(surface - truth, axis=-1).mean(-1)
    return result


def aligned_errors(surface: AnyArray, truth: AnyArray) -> AnyArray:  # (N, V, 3) x 2, metres -> (N,)
    """Mean distance after rigid alignment with true scale, millimetres: turned and shifted by least squares, never
    scaled (Kabsch 1976)."""
    turned, goal, _ = _turned(surface, truth)
    return surface_errors(turned, goal)


def known_scale_errors(surface: AnyArray, truth: AnyArray) -> AnyArray:  # (N, V, 3) x 2, metres -> (N,)
    """The same where the size is known from elsewhere: also scaled by least squares (Umeyama 1991), millimetres.

    One picture does not tell a small head near by from a large one further away; this is the error of the form alone.
    """
    turned, goal, scale = _turned(surface, truth)
    return surface_errors(scale[:, None, None] * turned, goal)


def scale_errors(surface: AnyArray, truth: AnyArray) -> AnyArray:  # (N, V, 3) x 2, metres -> (N,)
    """By how many per cent (of the logarithm) each surface is too small (above 0) or too large."""
    return 100 * np.log(_turned(surface, truth)[2])


def surface_figures(surface: AnyArray, truth: AnyArray) -> dict[str, float]:  # (N, V, 3) x 2, metres
    """Means of the errors above, and the standard deviation of `scale_errors`."""
    return {
        "vertices_mm": float(surface_errors(surface, truth).mean()),
        "aligned_mm": float(aligned_errors(surface, truth).mean()),
        "known_scale_mm": float(known_scale_errors(surface, truth).mean()),
        "scale_sd_percent": float(scale_errors(surface, truth).std()),
    }


def _turned(points: AnyArray, truth: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:  # (N, V, 3) x 2
    """Both about their centroids, `points` turned onto `truth`, (N, V, 3) each; the factor by which the turned ones
    fit best, (N,)."""
    points, truth = (each - each.mean(1, keepdims=True) for each in (np.float64(points), np.float64(truth)))
    u, values, vt = np.linalg.svd(points.transpose(0, 2, 1) @ truth)
    signs = np.ones((len(points), 3))
    signs[:, 2] = np.where(np.linalg.det(u @ vt) < 0, -1, 1)  # a reflection is no rotation
    scale = (values * signs).sum(1) / (points**2).sum((1, 2))
    return points @ ((u * signs[:, None]) @ vt), truth, scale


def gaze_errors(expression: AnyArray, truth: AnyArray) -> AnyArray:  # (N, 52) x 2 -> (N,)
    """Angle between where the eyes look in the head frame, mean of both eyes, degrees."""
    result: AnyArray = np.degrees(np.arccos(np.clip((_looks(expression) * _looks(truth)).sum(-1), -1, 1))).mean(-1)
    return result


def _looks(expression: AnyArray) -> AnyArray:  # (N, 52) -> (N, 2, 3)
    """Unit directions of both eyes."""
    yaw, pitch = np.moveaxis(gaze_angles(expression).astype(np.float64), -1, 0)
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], -1)


def rotation_errors(rotation: AnyArray, truth: AnyArray) -> AnyArray:  # (N, 3, 3) x 2 -> (N,)
    """Geodesic distance in degrees."""
    return np.degrees(rotations.angle_between(rotation, truth))


def yaws(rotation: AnyArray) -> AnyArray:  # (N, 3, 3) -> (N,)
    """How far each head is turned to a side, degrees, without sign."""
    return np.abs(np.degrees([rotations.to_euler(r)[0] for r in rotation]))


def confidence_correlation(confidence: AnyArray, errors: AnyArray) -> float:
    """Spearman's rank correlation of confidence and error: -1 is perfect."""
    first, second = (np.argsort(np.argsort(values)).astype(np.float64) for values in (confidence, errors))
    return float(np.corrcoef(first, second)[0, 1])


def calibration(expected: AnyArray, errors: AnyArray, bins: int = 10) -> list[dict[str, float]]:  # (N,) x 2
    """Faces in equal groups from the least to the largest expected error, with the error that each group has."""
    order = np.argsort(expected)
    return [
        {"faces": len(rows), "expected": float(expected[rows].mean()), "error": float(errors[rows].mean())}
        for rows in np.array_split(order, min(bins, len(order)))
    ]


def by_group(groups: AnyArray, errors: AnyArray) -> Groups:  # (N,) labels, (N,)
    """Mean error and count of each label that occurs, in alphabetical order."""
    return {
        str(label): {"faces": int((groups == label).sum()), "error": float(errors[groups == label].mean())}
        for label in np.unique(groups)
    }


def by_bin(values: AnyArray, bins: Mapping[str, tuple[float, float]], errors: AnyArray) -> Groups:
    """The same for half-open intervals of values (N,), in the order given; what none holds is left out."""
    inside = {name: (values >= low) & (values < high) for name, (low, high) in bins.items()}
    return {
        name: {"faces": int(rows.sum()), "error": float(errors[rows].mean())}
        for name, rows in inside.items()
        if rows.any()
    }
