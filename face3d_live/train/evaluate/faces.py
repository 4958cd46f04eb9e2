"""Single pictures: synthetic faces with true codes, and portraits of people the training never saw, broken down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face3d_live.codes import INDEX
from face3d_live.head.model import Head
from face3d_live.texture.albedo import Albedo
from face3d_live.train.data.pool import WORN
from face3d_live.train.data.portraits import Labeller, Portrait, load_index
from face3d_live.train.evaluate import metrics
from face3d_live.train.evaluate.answers import Measured, Samples, describe
from face3d_live.typing import AnyArray

#: Individual typology angle of the skin, degrees (Chardon et al. 1991). 90 is a picture without colour: no bin.
TONES = {
    "light, over 41": (41.0, 89.9),
    "medium, 28 to 41": (28.0, 41.0),
    "tan, 10 to 28": (10.0, 28.0),
    "dark, under 10": (-90.1, 10.0),
}
YAWS = {"under 10": (0.0, 10.0), "10 to 20": (10.0, 20.0), "20 to 35": (20.0, 35.0), "over 35": (35.0, 181.0)}


#: Bins with fewer faces are listed but do not decide which is the worst.
FEWEST = 8

#: Seen by looking: the index of the portraits does not say who wears glasses.
GLASSES = frozenset(
    (
        "18f_0017", "18f_0105", "18f_0128", "18f_0136", "18f_0142", "18f_0143", "18f_0157", "18f_0162",
        "congress_0207", "congress_0209", "congress_0248", "congress_0272", "congress_0356", "congress_0413",
        "congress_0430", "congress_0446", "congress_0500", "congress_0539", "congress_0657", "congress_0678",
        "congress_0718", "congress_0844", "congress_0935", "congress_0946",
        "pif_1194", "pif_1289", "pif_1319", "pif_1372",
    )
)  # fmt: skip

#: Held-out portraits whose forehead or temples something from the scalp covers in part, seen by eye.
COVERED: frozenset[str] = frozenset(
    (
        "18f_0003", "18f_0075", "18f_0128", "18f_0166", "congress_0309", "congress_0370", "congress_0407",
        "congress_0487", "congress_0507", "congress_0514", "congress_0548", "congress_0587", "congress_0609",
        "congress_0657", "congress_0699", "congress_0946", "faker_0967", "faker_0970", "faker_0987", "faker_1017",
        "faker_1024", "faker_1040", "faker_1044", "faker_1051", "faker_1054", "faker_1056", "faker_1067", "pif_1161",
        "pif_1164",
        "pif_1194", "pif_1324", "pif_1342", "pif_1349", "pif_1355", "pif_1374", "london_neutral_1441",
        "london_neutral_1442", "london_neutral_1475", "london_smiling_1532", "london_smiling_1533",
        "london_smiling_1566",
    )
)  # fmt: skip

#: Held-out people of about sixty or more, by eye.
OLD = frozenset(
    (
        "18f_0128", "congress_0209", "congress_0210", "congress_0272", "congress_0293", "congress_0296",
        "congress_0350", "congress_0370", "congress_0382", "congress_0433", "congress_0454", "congress_0461",
        "congress_0503", "congress_0548", "congress_0570", "congress_0572", "congress_0606", "congress_0614",
        "congress_0718", "congress_0935", "congress_0936", "faker_0970", "faker_1040", "faker_1056", "faker_1067",
        "faker_1069", "faker_1118", "faker_1137",
    )
)  # fmt: skip

#: What people differ in on portraits: the mean of these channels.
TRAITS = {
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "brows down": ("browDownLeft", "browDownRight"),
    "brows up": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "jaw": ("jawOpen",),
    "squint": ("eyeSquintLeft", "eyeSquintRight"),
}

#: Channels that nothing but synthetic faces can teach.
RARE = ("cheekPuff", "noseSneerLeft", "noseSneerRight", "tongueOut")


def synthetic_figures(head: Head, measured: Measured) -> dict[str, Any]:
    """`evaluate.describe`, the errors of the average face at rest, and landmarks and vertices by tone, yaw, glasses and
    what else is worn or held."""
    labels = measured.labels
    rest = np.zeros_like(labels["expression"])
    truth = metrics.face_surfaces(head, labels["shape"], labels["expression"])
    average = metrics.face_surfaces(head, np.zeros_like(labels["shape"][:1]), rest[:1])
    average = np.broadcast_to(average, truth.shape)
    shown = metrics.face_surfaces(head, measured.fit.shape, measured.fit.expression)
    groups = albedo_tones(head, labels["texture"]), worn_groups(labels["worn"])
    return {
        **describe(head, measured),
        "average_face_mm": float(metrics.surface_errors(average, truth).mean()),
        "average_face_known_scale_mm": float(metrics.known_scale_errors(average, truth).mean()),
        "by": _breakdown(measured, _landmark_errors(measured), *groups),
        "by_vertices": _breakdown(measured, metrics.surface_errors(shown, truth), *groups),
    }


def worn_groups(worn: AnyArray) -> dict[str, AnyArray]:  # (N, len(WORN)) -> what -> (N,)
    """The group of each face by glasses, hat, and what is held before it."""
    known = dict(zip(WORN, worn.T, strict=True))
    eyes = np.where(known["sunglasses"] == 1, "sunglasses", np.where(known["glasses"] == 1, "glasses", "none"))
    groups = {
        "glasses": eyes,
        "hat": np.where(known["hat"] == 1, "hat", "none"),
        "held before the face": np.where(known["before"] == 1, "hand or thing", "nothing"),
    }
    return {name: np.where((worn < 0).any(1), "not known", group) for name, group in groups.items()}


def portrait_figures(head: Head, measured: Measured, portraits: list[Portrait]) -> dict[str, Any]:
    """`evaluate.describe`, r across people of some traits, and landmarks by tone, set, glasses and yaw.

    portraits: whose pictures the samples are, in order.
    """
    labels = measured.labels
    sets = np.array([p.group for p in portraits])
    glasses = np.array(["glasses" if p.image.stem in GLASSES else "none" for p in portraits])
    tones = np.array([p.tone for p in portraits])
    by = _breakdown(measured, _landmark_errors(measured), tones, {"set": sets, "glasses": glasses})
    return {
        **describe(head, measured),
        "traits": {name: _traits(answers.expression, labels["teacher"]) for name, answers in measured.answers.items()},
        "by": by,
        "worst_tone": worst_bin(by["skin tone"]),
    }


def _traits(expression: AnyArray, teacher: AnyArray) -> dict[str, float]:  # (N, 52) x 2
    columns = {name: [INDEX[channel] for channel in channels] for name, channels in TRAITS.items()}
    return {name: metrics.pearson(expression[:, i].mean(1), teacher[:, i].mean(1)) for name, i in columns.items()}


def _landmark_errors(measured: Measured) -> AnyArray:  # -> (N,)
    """Of the fit, in % of the eye distance."""
    return metrics.landmark_errors(measured.fit.points, measured.labels["points"])


def _breakdown(
    measured: Measured, errors: AnyArray, tones: AnyArray, labels: dict[str, AnyArray]
) -> dict[str, metrics.Groups]:
    """Errors (N,) by tone (N,) in degrees, yaw, and whatever `labels` (N,) names."""
    return {
        "skin tone": metrics.by_bin(tones, TONES, errors),
        "yaw": metrics.by_bin(metrics.yaws(measured.labels["rotation"]), YAWS, errors),
        **{name: metrics.by_group(groups, errors) for name, groups in labels.items()},
    }


def worst_bin(bins: metrics.Groups) -> dict[str, Any]:
    """The bin with the largest error among those of at least `FEWEST` faces, and its ratio to the mean of all bins."""
    faces = sum(b["faces"] for b in bins.values())
    mean = sum(b["faces"] * b["error"] for b in bins.values()) / max(faces, 1)
    judged = {name: b for name, b in bins.items() if b["faces"] >= FEWEST}
    if not judged or mean == 0:
        return {"bin": None, "ratio": None}
    worst = max(judged, key=lambda name: judged[name]["error"])
    return {"bin": worst, "faces": judged[worst]["faces"], "ratio": judged[worst]["error"] / mean}


def albedo_tones(head: Head, texture: AnyArray) -> AnyArray:  # (N, 50) -> (N,) ITA in degrees
    """The typology angle of the cheeks' albedo, whatever light falls on them; 90 where no code is known (all zeros)."""
    albedo, mesh = Albedo.load(), head.topology("low")
    uv = mesh.uv[head.regions["cheeks"][mesh.split_vertex]]

    def at(size: int) -> tuple[AnyArray, AnyArray]:
        column, row = np.clip((uv * (1, -1) + (0, 1)) * size, 0, size - 1).astype(int).T
        return row, column

    row, column = at(len(albedo.mean))
    mean = albedo.mean[row, column].mean(0)
    row, column = at(albedo.modes.shape[1])
    modes = albedo.modes[:, row, column].mean(1)  # (50, 3)
    colour = np.clip(mean + texture @ modes, 0, 1).astype(np.float32)
    lab = cv2.cvtColor(colour[None], cv2.COLOR_RGB2LAB)[0]
    angle = np.degrees(np.arctan2(lab[:, 0] - 50, np.maximum(lab[:, 2], 1e-3)))
    return np.where(texture.any(1), angle, 90.0)


def held_out_portraits(head: Head, data: Path, limit: int | None = None) -> tuple[list[Portrait], Samples]:
    """The portraits of people whom training never saw, and their samples: labelled here, so that no pool made by an
    older recipe is mistaken for them. Raises InputError "data-missing".
    """
    labeller = Labeller(head, data)
    index = [p for p in load_index(data) if p.held_out][:limit]
    samples = [labeller.sample(p, fit.codes) for p, fit in zip(index, labeller.fit_all(index), strict=True)]
    return index, Samples({key: np.stack([np.asarray(s[key]) for s in samples]) for key in samples[0]})
