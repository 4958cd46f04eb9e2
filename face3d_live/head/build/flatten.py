"""Flattening a surface patch: a flip-free start (Tutte) and a descent that trades angles against area.

The energy of a triangle with Jacobian J (rest -> UV, singular values s1, s2) is
    conformal: (s1/s2 + s2/s1) / 2 = |J|^2 / (2 det J)          (MIPS, Hormann and Greiner 2000)
    area:      (det J + 1 / det J) / 2                          (as in Smith and Schaefer, SIGGRAPH 2015)
Both are infinite where a triangle collapses; the line search never lets one turn over (same paper, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix, diags
from scipy.sparse.linalg import splu

from face3d_live.typing import AnyArray


def graph_laplacian(n: int, faces: AnyArray, weight: AnyArray | None = None) -> csc_matrix:
    """Laplacian of the edges of `faces`; `weight` (F,) is summed on each triangle's edges."""
    w = np.ones(len(faces)) if weight is None else weight
    i = faces[:, [0, 1, 2]].ravel()
    j = faces[:, [1, 2, 0]].ravel()
    half = coo_matrix((np.repeat(w, 3), (i, j)), shape=(n, n)).tocsc()
    adjacency = half + half.T
    return csc_matrix(diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency)


def tutte(n: int, faces: AnyArray, fixed: AnyArray, positions: AnyArray) -> AnyArray:  # -> (n, 2)
    """Each free vertex in the middle of its neighbours: no flips while the fixed boundary is convex (Tutte 1963)."""
    laplacian = graph_laplacian(n, faces)
    free = np.setdiff1d(np.arange(n), fixed)
    uv = np.zeros((n, 2))
    uv[fixed] = positions
    if len(free):
        inner = csc_matrix(laplacian[free][:, free])
        uv[free] = splu(inner).solve(-laplacian[free][:, fixed] @ positions)
    return uv


def rest_triangles(vertices: AnyArray, faces: AnyArray) -> AnyArray:  # (V, 3), (F, 3) -> (F, 2, 2)
    """Each triangle laid flat: its two edges from corner 0 as the columns of a matrix with positive determinant."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    e1, e2 = b - a, c - a
    length = np.maximum(np.linalg.norm(e1, axis=1), 1e-12)
    x = (e1 * e2).sum(1) / length
    y = np.linalg.norm(np.cross(e1, e2), axis=1) / length
    y = np.maximum(y, 0.02 * length)  # slivers would dominate the energy with angles that do not matter
    zero = np.zeros_like(x)
    return np.stack([np.stack([length, x], 1), np.stack([zero, y], 1)], 1)


def jacobians(uv: AnyArray, faces: AnyArray, rest: AnyArray) -> AnyArray:  # (F, 2, 2)
    """J = [UV edges] [rest edges]^-1."""
    edges = np.stack([uv[faces[:, 1]] - uv[faces[:, 0]], uv[faces[:, 2]] - uv[faces[:, 0]]], 2)
    return edges @ np.linalg.inv(rest)


def stretch(uv: AnyArray, faces: AnyArray, rest: AnyArray) -> tuple[AnyArray, AnyArray]:
    """(quasi-conformal ratio s1/s2 >= 1, signed area factor det J) of every triangle."""
    j = jacobians(uv, faces, rest)
    s = np.linalg.svd(j, compute_uv=False)
    return s[:, 0] / np.maximum(s[:, 1], 1e-12), np.linalg.det(j)


def flatten(uv: AnyArray, faces: AnyArray, rest: AnyArray, weight: AnyArray, area: AnyArray,
            pinned_u: AnyArray, rounds: int = 60) -> AnyArray:  # fmt: skip
    """Descend from a flip-free `uv` (n, 2); returns a flip-free one of lower energy.

    weight: (F,) of a triangle's whole energy; area: (F,) of its area term against the conformal one; pinned_u: vertices
    whose u stays (the mirror line). Rounds of L-BFGS, each preconditioned with a Laplacian weighted by how stiff the
    triangles are at that point: without it the deep cavities, squeezed to nothing by Tutte's map, block every step.
    """
    inverse = np.linalg.inv(rest)
    weight = weight / weight.sum()

    def evaluate(x: AnyArray) -> tuple[float, AnyArray]:
        energy, gradient = _energy(x, faces, inverse, weight, area)
        gradient[pinned_u, 0] = 0
        return energy, gradient

    for _ in range(rounds):
        before = evaluate(uv)[0]
        precondition = _preconditioner(uv, faces, inverse, weight, area, pinned_u)
        uv = _lbfgs(uv, evaluate, precondition, lambda x, d: _largest_step(x, d, faces), 20)
        if before - evaluate(uv)[0] < 1e-7 * before:
            break
    return uv


def _preconditioner(
    uv: AnyArray, faces: AnyArray, inverse: AnyArray, weight: AnyArray, area: AnyArray, pinned_u: AnyArray
) -> Callable[[AnyArray], AnyArray]:
    """Inverse of a Laplacian whose edges are as stiff as the energy of their triangles (per squared UV length)."""
    n = len(uv)
    a, b = uv[faces[:, 1]] - uv[faces[:, 0]], uv[faces[:, 2]] - uv[faces[:, 0]]
    drawn = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    det = drawn * np.linalg.det(inverse)
    stiffness = weight / drawn * (1 + area * (det + 1 / det))
    laplacian = graph_laplacian(n, faces, stiffness) + diags(np.full(n, 1e-9 * stiffness.max()))
    free_u = np.setdiff1d(np.arange(n), pinned_u)
    solve_u, solve_v = splu(csc_matrix(laplacian[free_u][:, free_u])), splu(csc_matrix(laplacian))

    def apply(g: AnyArray) -> AnyArray:
        out = np.zeros_like(g)
        out[free_u, 0], out[:, 1] = solve_u.solve(g[free_u, 0]), solve_v.solve(g[:, 1])
        return out

    return apply


def _energy(
    x: AnyArray, faces: AnyArray, inverse: AnyArray, weight: AnyArray, area: AnyArray
) -> tuple[float, AnyArray]:
    edges = np.stack([x[faces[:, 1]] - x[faces[:, 0]], x[faces[:, 2]] - x[faces[:, 0]]], 2)
    j = edges @ inverse
    det = j[:, 0, 0] * j[:, 1, 1] - j[:, 0, 1] * j[:, 1, 0]
    if det.min() <= 0:
        return np.inf, np.zeros_like(x)
    square = (j**2).sum((1, 2))
    energy = float((weight * (square / (2 * det) + area * (det + 1 / det) / 2)).sum())
    cofactor = np.stack([np.stack([j[:, 1, 1], -j[:, 1, 0]], 1), np.stack([-j[:, 0, 1], j[:, 0, 0]], 1)], 1)
    along_cofactor = -square / (2 * det**2) + area * (1 - 1 / det**2) / 2
    dj = j / det[:, None, None] + along_cofactor[:, None, None] * cofactor
    de = weight[:, None, None] * (dj @ inverse.transpose(0, 2, 1))  # (F, xy, edge)
    gradient = np.zeros_like(x)
    np.add.at(gradient, faces[:, 1], de[:, :, 0])
    np.add.at(gradient, faces[:, 2], de[:, :, 1])
    np.add.at(gradient, faces[:, 0], -de[:, :, 0] - de[:, :, 1])
    return energy, gradient


def _largest_step(x: AnyArray, d: AnyArray, faces: AnyArray) -> float:
    """The smallest positive t at which a triangle of x + t d has no area."""
    a, b = (x[faces[:, k]] - x[faces[:, 0]] for k in (1, 2))
    p, q = (d[faces[:, k]] - d[faces[:, 0]] for k in (1, 2))

    def cross(m: AnyArray, n: AnyArray) -> AnyArray:
        return np.asarray(m[:, 0] * n[:, 1] - m[:, 1] * n[:, 0])

    c0, c1, c2 = cross(a, b), cross(p, b) + cross(a, q), cross(p, q)
    root = np.sqrt(np.maximum(c1**2 - 4 * c2 * c0, 0))
    real = c1**2 - 4 * c2 * c0 >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        # 2 c0 / (-c1 -+ root): the form that is stable where c2 is nearly zero
        roots = np.stack([2 * c0 / (-c1 - root), 2 * c0 / (-c1 + root)])
    roots = np.where(real & np.isfinite(roots) & (roots > 0), roots, np.inf)
    return float(roots.min())


def _lbfgs(
    x: AnyArray,
    evaluate: Callable[[AnyArray], tuple[float, AnyArray]],
    precondition: Callable[[AnyArray], AnyArray],
    largest_step: Callable[[AnyArray, AnyArray], float],
    iterations: int,
    memory: int = 12,
) -> AnyArray:
    """Nocedal and Wright, algorithms 7.4 and 7.5, with backtracking that never steps past `largest_step`."""
    energy, gradient = evaluate(x)
    history: list[tuple[AnyArray, AnyArray, float]] = []
    for _ in range(iterations):
        q = gradient.copy()
        alphas = []
        for s, y, rho in reversed(history):
            alphas.append(rho * (s * q).sum())
            q -= alphas[-1] * y
        direction = precondition(q)
        for (s, y, rho), alpha in zip(history, reversed(alphas), strict=True):
            direction += s * (alpha - rho * (y * direction).sum())
        direction = -direction
        slope = float((gradient * direction).sum())
        if slope >= 0:
            history.clear()
            continue
        step = min(1.0, 0.8 * largest_step(x, direction))
        while step > 1e-12:
            new_energy, new_gradient = evaluate(x + step * direction)
            if new_energy <= energy + 1e-4 * step * slope:
                break
            step *= 0.5
        else:
            if not history:
                return x
            history.clear()
            continue
        s, y = step * direction, new_gradient - gradient
        curvature = float((s * y).sum())
        if curvature > 1e-16:
            history = [*history[1 - memory :], (s, y, 1 / curvature)]
        converged = energy - new_energy < 1e-9 * abs(energy)
        x, energy, gradient = x + s, new_energy, new_gradient
        if converged:
            return x
    return x
