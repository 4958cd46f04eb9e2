"""How far people's faces move: the head's units at the 478 points, estimated from portraits and clips.

    python -m face3d_live.train.data.movements [--data DIR] [--answers DIR]     then: python -m face3d_live.head.build

Every picture's points are taken into the head's frame (its fitted pose and shape, the perspective of its camera), each
person's own mean is taken out, and what is left is regressed on the teacher's scores, point by point, pictures and
their mirror images alike. Movements that come together are told apart by a prior: the unit that the head had, scaled.
The scale is found with them, and last each unit is made as large as lets the fit answer with the teacher's size.
The result, `head/build/movements.npz`, is statistics: no picture and nobody's face is in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from face3d_live.codes import ARKIT, INDEX, MIRROR
from face3d_live.head.build.assemble import plain_units
from face3d_live.head.build.expression import MOVEMENTS, STEMS, sided
from face3d_live.head.model import Head, PointBasis
from face3d_live.head.points import MIRROR_478, N_SKIN
from face3d_live.regress.fit import FROM_POINTS, Fitter
from face3d_live.train.data.observations import Observation, observe, refitted
from face3d_live.typing import AnyArray

#: What the teacher sees and means as ARKit does. It does not see cheeks, nose, tongue and the jaw's other ways; of gaze
#: only the lids' share would be left; blinks close by construction (`head/build/closing.py`).
MEASURED = (
    "eyeSquint", "eyeWide", "jawOpen", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthFrown",
    "mouthDimple", "mouthStretch", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown", "browInnerUp", "browOuterUp",
)  # fmt: skip
#: A jaw turns about its joint, whatever lips and the outline of the chin seem to do: only its scale is measured, and
#: wide open it leaves 30 mm between the lips at least (anatomy: 35 to 55 between the teeth).
RIGID = {"jawOpen": 0.8}
#: Weight of the prior: so many (weighted) pictures with a score of 1.
PRIOR = 0.7
#: A point that the old unit hardly moves, nor its neighbourhood, is not believed to move.
NEAR, LEAST = 0.010, 0.02
#: Scale of a movement without evidence; the least and the most that is believed.
USUAL, LIMITS = 0.65, (0.4, 1.3)
ROUNDS = 2
#: The last scaling: of movements that the clips show (spread, correlation), by at most so much.
SHOWN, AGREES, GAIN = 0.03, 0.6, (1.0, 1.45)
_FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Movements:
    """names: K of `STEMS`. moved: (K, 478, 3) metres, both sides at once. evidence: (K,) 0..1 how much of it is data.

    covariance: (52, 52) of the teacher's scores about each person's mean. rest: (52,) what a calm face scores."""

    names: list[str]
    moved: AnyArray
    evidence: AnyArray
    covariance: AnyArray
    rest: AnyArray


def measure(head: Head, plain: AnyArray, seen: Sequence[Observation]) -> Movements:
    """plain: (52, 478, 3) the units before. Returns the movements of `MEASURED`."""
    people = np.array([o.person for o in seen])
    weight = np.array([o.weight for o in seen])
    scores = np.array([o.scores for o in seen], float)
    covariance = _covariance(centred(scores, people), weight)
    rest = np.percentile(scores, 15, axis=0)
    scale = np.ones(len(STEMS))
    units, moved, evidence = plain, np.zeros((len(STEMS), N_SKIN + 10, 3)), np.zeros(len(STEMS))
    for _ in range(ROUNDS):
        seen = refitted(_fitter(head, units, covariance), seen, rest)
        moved, evidence, scale = _regress(head, plain, seen, scores, people, weight, scale)
        units = _units(head, plain, moved)
    gain = _gains(refitted(_fitter(head, units, covariance), seen, rest), scores, people, weight == 1.0)
    chosen = [list(STEMS).index(name) for name in MEASURED]
    return Movements(list(MEASURED), (moved * gain[:, None, None])[chosen], evidence[chosen], covariance, rest)


def centred(values: AnyArray, people: AnyArray) -> AnyArray:  # (N, ...), (N,) -> (N, ...)
    """Each about the mean of its person."""
    out = values.astype(float)
    for person in np.unique(people):
        out[people == person] -= out[people == person].mean(0)
    return out


def displacements(head: Head, seen: Sequence[Observation]) -> AnyArray:  # -> (N, 478, 3)
    """Where the points are beyond the neutral head of each picture, head frame, metres. Depth is the fitted head's."""
    basis = head.point_basis()
    out = []
    for o in seen:
        neutral = basis.mean + np.tensordot(o.codes.shape, basis.shape, 1)
        fitted = (neutral + np.tensordot(o.codes.expression, basis.units(o.codes.shape), 1)) @ o.codes.rotation.T
        z = fitted[:, 2] + o.codes.translation[2]
        ray = (o.points - (o.camera.width / 2, o.camera.height / 2)) * (1, -1) / o.camera.focal
        space = np.concatenate([ray * -z[:, None], z[:, None]], 1)
        out.append((space - o.codes.translation) @ o.codes.rotation - neutral)
    return np.array(out)


def _regress(
    head: Head,
    plain: AnyArray,
    seen: Sequence[Observation],
    scores: AnyArray,
    people: AnyArray,
    weight: AnyArray,
    scale: AnyArray,
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Movements (K, 478, 3), evidence (K,) and scales (K,) of all stems by ridge regression, point by point."""
    both = list(STEMS.values())
    s = centred(np.stack([scores[:, list(rows)].mean(1) for rows in both], 1), people)
    moved = centred(displacements(head, seen), people)
    moved = (moved + moved[:, MIRROR_478] * _FLIP) / 2
    old = np.stack([plain[list(rows)].sum(0) for rows in both])
    old = (old + old[:, MIRROR_478] * _FLIP) / 2
    near = np.stack([_near(head.point_basis(), unit) for unit in old])
    normal = (s * weight[:, None]).T @ s
    target = np.einsum("nk,npc->kpc", s * weight[:, None], moved)
    evidence = 1 - PRIOR * np.diag(np.linalg.inv(normal + PRIOR * np.eye(len(both))))
    for _ in range(2):  # the scale of the prior is that of what it brings out
        out = scale[:, None, None] * old
        for p in range(N_SKIN):
            ridge = np.diag(PRIOR / np.maximum(near[:, p] ** 2, LEAST))
            out[:, p] = np.linalg.solve(normal + ridge, target[:, p] + ridge @ out[:, p])
        there = ((near > 0.1) * head.point_usable)[:, :, None] * old
        ratio = (there * out)[..., :2].sum((1, 2)) / np.maximum((there * old)[..., :2].sum((1, 2)), 1e-12)
        scale = np.clip(evidence * ratio + (1 - evidence) * USUAL, *LIMITS)
    # Seen from the front nobody can tell how far lips come forward.
    out[..., 2] = np.maximum(scale, USUAL)[:, None] * old[..., 2]
    for name, least in RIGID.items():
        k = list(STEMS).index(name)
        out[k] = max(scale[k], least) * old[k]
    return out, evidence, scale


def _near(basis: PointBasis, unit: AnyArray) -> AnyArray:  # (478, 3) -> (478,) 0..1
    """How much of a movement is near each point."""
    size = np.linalg.norm(unit, axis=1)
    distance = np.linalg.norm(basis.mean[:, None] - basis.mean[None], axis=-1)
    near = (size[None] * np.exp(-((distance / NEAR) ** 2))).max(1)
    result: AnyArray = near / max(float(size.max()), 1e-4)
    return result


def _units(head: Head, plain: AnyArray, moved: AnyArray) -> AnyArray:  # -> (52, 478, 3)
    units = plain.copy()
    for name, movement in zip(STEMS, moved, strict=True):
        if name in MEASURED:
            units[list(STEMS[name])] = sided(STEMS[name], movement, head.point_basis().mean)
    return units


def _gains(seen: Sequence[Observation], scores: AnyArray, people: AnyArray, clips: AnyArray) -> AnyArray:  # -> (K,)
    """By how much the units are to grow for the fit's coefficients to have the size of the teacher's."""
    ours = centred(np.array([o.codes.expression for o in seen])[clips], people[clips])
    theirs = centred(scores[clips], people[clips])
    both, own, truth = ((a * b).sum(0) for a, b in ((ours, theirs), (ours, ours), (theirs, theirs)))
    slope, r = both / np.maximum(truth, 1e-9), both / np.sqrt(np.maximum(own * truth, 1e-12))
    out = []
    for rows in STEMS.values():
        k = list(rows)
        shown = theirs[:, k].std() > SHOWN and r[k].mean() > AGREES
        out.append(np.clip(slope[k].mean(), *GAIN) if shown else 1.0)
    return np.array(out)


def _covariance(scores: AnyArray, weight: AnyArray) -> AnyArray:  # (N, 52), (N,) -> (52, 52)
    both, twice = np.concatenate([scores, scores[:, MIRROR]]), np.tile(weight, 2)
    result: AnyArray = (both * twice[:, None]).T @ both / twice.sum()
    return result


@dataclass(frozen=True)
class _Points:
    """The part of a head that a fit needs, with other units; see `regress.fit.PointHead`."""

    basis: PointBasis
    point_usable: AnyArray
    expression_covariance: AnyArray

    def point_basis(self) -> PointBasis:
        return self.basis


def _fitter(head: Head, units: AnyArray, covariance: AnyArray) -> Fitter:
    basis = head.point_basis()
    kept = units.copy()
    for name in ARKIT:  # how far a blink goes is the head's own; so is the turning of the eyes
        if name.startswith(("eyeBlink", "eyeLook")):
            kept[INDEX[name]] = basis.expression[INDEX[name]]
    swapped = PointBasis(basis.mean, basis.shape, kept.astype(np.float32), basis.blink)
    return Fitter(_Points(swapped, head.point_usable, covariance), FROM_POINTS)


def table(movements: Movements, plain: AnyArray) -> Table:
    """What the command prints."""
    out = Table("movement", "evidence", "before, mm", "now, mm", "direction")
    for name, moved, evidence in zip(movements.names, movements.moved, movements.evidence, strict=True):
        old = plain[list(STEMS[name])].sum(0)[:N_SKIN]
        new = moved[:N_SKIN]
        cosine = (old * new).sum() / np.sqrt((old**2).sum() * (new**2).sum())
        peaks = (f"{1e3 * np.linalg.norm(unit, axis=1).max():.1f}" for unit in (old, new))
        out.add_row(name, f"{evidence:.2f}", *peaks, f"{cosine:.2f}")
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--answers", type=Path, default=Path("training/teacher"), help="the teacher's answers")
    parser.add_argument("--out", type=Path, default=MOVEMENTS)
    options = parser.parse_args()
    head, plain = Head.load(), plain_units()
    movements = measure(head, plain, observe(head, options.data, options.answers))
    np.savez_compressed(
        options.out,
        names=np.array(movements.names),
        moved_mm=(1000 * movements.moved[:, :N_SKIN]).astype(np.float16),
        evidence=movements.evidence.astype(np.float32),
        covariance=movements.covariance.astype(np.float32),
        rest=movements.rest.astype(np.float32),
    )
    Console().print(table(movements, plain))


if __name__ == "__main__":
    main()
