"""Codes refined on one photo: points, colours and priors in one bounded, damped Gauss-Newton (Levenberg-Marquardt).

Minimised over rotation, translation, expression in 0..1, shape and the albedo code:

    sum_i w_i |project(x_i) - p_i|^2 / s_i^2                        the 478 points, as in `regress.fit`
  + EFFECTIVE / COLOUR_SIGMA^2 sum_v rho(I(project(v)) - A_v g(n_v))  colours at the face's vertices
  + priors of `regress.fit` around the codes so far + |albedo code|^2 + asymmetry of shape and expression

A_v = the albedo model at the vertex (picture values, linear in its code), g = shading ** (1 / GAMMA) in the light that
`texture.light` finds, so that A g is what the picture should show (as linear light is picture values to the power
GAMMA). I is the photo, cut to the face and a little blurred. A vertex moves over the picture and turns in the light:
both are in the Jacobian, analytically. rho: Geman-McClure, for hair, glasses and shadows. The light is found anew at
every step. No OpenGL: a vertex is its own pixel.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from face3d_live.codes import N_EXPRESSION, N_TEXTURE, HeadCodes
from face3d_live.head.model import BLINKS, Head
from face3d_live.lighting import GAMMA, shade, shading_gradient
from face3d_live.reconstruct.find import Found
from face3d_live.reconstruct.refinement.pixels import SIDE, FaceCrop, projection_jacobian, tangential, texel_at
from face3d_live.reconstruct.refinement.plausible import evenness, growth
from face3d_live.regress.fit import Fitter
from face3d_live.regress.gauss_newton import POSE, bounded_solve, bounds, updated_codes
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.regions import PLAIN
from face3d_live.triangles import cross
from face3d_live.typing import Array, Mask, Picture

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


STEPS = 5
COLOUR_SIGMA, OUTLIER = 0.06, 0.12  # picture values 0..1: of plain skin, and where a colour stops counting
EFFECTIVE = 0.05  # neighbouring vertices err together
ALBEDO_SIGMA = 1.0
SIZE_SIGMA = 0.002  # of log size: a photo does not determine it, and the shape prior would shrink heads
_FACING = 0.25
_FARTHER = 0.01  # of the eye distance by which colours may move the points: a third of the network's error


@dataclass(frozen=True)
class Agreement:
    """How well codes explain a photo. points: mean distance from the network's, a fraction of the eye distance; psnr:
    dB of the model's colours against the photo's, at the face's vertices that are seen."""

    points: float
    psnr: float

    def to_json(self) -> dict[str, float]:
        """For report.json."""
        return {"landmark_error": round(self.points, 4), "psnr": round(self.psnr, 2)}


@dataclass(frozen=True)
class Refined:
    """codes: the better ones; kept: whether they are other than those given; before, after: see `Agreement`."""

    codes: HeadCodes
    kept: bool
    before: Agreement
    after: Agreement
    ms: float

    def to_json(self) -> dict[str, object]:
        """For report.json."""
        sides = {"before": self.before.to_json(), "after": self.after.to_json()}
        return {"kept": self.kept, **sides, "ms": round(self.ms, 1)}


@dataclass(frozen=True)
class State:
    """Codes, and what the photo shows and should show at the vertices. seen, model: (N, 3) picture values; slope:
    (N, 3, 2) of the photo per pixel; shading, towards: (N,), (N, 3) light and its derivative by the normal, head axes;
    weight: (N,) robust, 0 where not visible."""

    codes: HeadCodes
    local: Array  # (3, U)
    normals: Array  # (N, 3) head axes
    seen: Array
    slope: Array
    albedo: Array  # (N, 3)
    shading: Array
    towards: Array
    weight: Array
    cost: float
    agreement: Agreement


class Refiner:
    """Made once for a head and an albedo model."""

    def __init__(self, head: Head, albedo: Albedo, fitter: Fitter) -> None:
        self._head, self._albedo, self._fitter = head, albedo, fitter
        self._balance, self._growth = evenness(head), growth(head)
        mine = head.regions["face"] & (head.part == 0)
        self._quads_all = head.quads[mine[head.quads].any(1)]
        used = np.unique(self._quads_all)
        place = np.zeros(head.n_vertices, int)
        place[used] = np.arange(len(used))
        self._quads = place[self._quads_all]  # into the vertices used
        self._ids = place[np.flatnonzero(mine)]  # (N,) of those, the face's
        basis = np.concatenate([head.expression_basis, head.shape_basis])[:, used]
        self._basis = np.ascontiguousarray(basis.transpose(2, 0, 1))  # (3, 132, U)
        self._by_vertex = np.ascontiguousarray(self._basis.transpose(0, 2, 1))  # (3, U, 132)
        self._start = np.ascontiguousarray(head.template[used].T)  # (3, U)
        blinks = head.blink_offsets()[:, :, used]  # (2, 80, U, 3)
        self._blinks = np.ascontiguousarray(blinks.transpose(0, 1, 3, 2))  # (2, 80, 3, U)
        names = [head.region_names.index(name) for name in PLAIN]
        self._plain = np.isin(head.region_of[mine], names)
        uv = np.zeros((head.n_vertices, 2), np.float32)
        mesh = head.topology("low")
        uv[mesh.split_vertex] = mesh.uv
        self._mean = texel_at(albedo.mean, uv[mine])  # (N, 3)
        self._modes = np.stack([texel_at(mode, uv[mine]) for mode in albedo.modes])  # (50, N, 3)

    @cached_property
    def _gather(self) -> csr_matrix:
        """(N, quads): sums over the quads around each vertex."""
        from scipy.sparse import csr_matrix

        rows = self._quads.ravel()
        columns = np.repeat(np.arange(len(self._quads)), 4)
        shape = (self._start.shape[1], len(self._quads))
        return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)[self._ids]

    def refine(self, rgb: Picture, found: Found) -> Refined:
        """Refined codes for a face of a picture (H, W, 3), or the same where the cost did not fall."""
        begun = time.perf_counter()
        view = FaceCrop.of(rgb, found)
        best = start = self.state(view, found, self._first(view, found))
        damping = 1.0
        for _ in range(STEPS):
            tried = self.state(view, found, self._step(view, found, best, start.codes, damping))
            if tried.cost < best.cost:
                gain, best, damping = 1 - tried.cost / best.cost, tried, damping / 4
                if gain < 1e-3:
                    break
            else:
                damping *= 8
        better = (
            best.agreement.psnr > start.agreement.psnr and best.agreement.points <= start.agreement.points + _FARTHER
        )
        chosen = best if better else start
        codes = chosen.codes.with_(light=found.codes.light)
        ms = (time.perf_counter() - begun) * 1e3
        return Refined(codes if better else found.codes, better, start.agreement, chosen.agreement, ms)

    # --- one state ----------------------------------------------------------------------------------------------------

    def _first(self, view: FaceCrop, found: Found) -> HeadCodes:
        """The codes given, with the albedo code that suits them best."""
        codes = found.codes.with_(texture=np.zeros(N_TEXTURE, np.float32))
        for _ in range(2):
            state = self.state(view, found, codes)
            g = np.maximum(state.shading, 1e-3)[:, None] ** np.float32(1 / GAMMA)
            scale = np.sqrt(EFFECTIVE * state.weight)[:, None] / COLOUR_SIGMA
            rows = (self._modes * (g * scale)).reshape(N_TEXTURE, -1)
            target = ((state.seen - self._mean * g) * scale).ravel()
            normal = rows @ rows.T + np.eye(N_TEXTURE) * ALBEDO_SIGMA**-2
            codes = codes.with_(texture=np.linalg.solve(normal, rows @ target))
        return codes

    def state(self, view: FaceCrop, found: Found, codes: HeadCodes) -> State:
        """What the photo shows and should show at the vertices, by these codes."""
        local = self._start + np.concatenate([codes.expression, codes.shape]) @ self._basis  # (3, U)
        for eye, channel in enumerate(BLINKS):
            if codes.expression[channel] > 0:
                local = local + codes.expression[channel] * np.tensordot(codes.shape, self._blinks[eye], 1)
        normals = self._normals(local)
        turned = normals @ codes.rotation.T
        space = local[:, self._ids].T @ codes.rotation.T + codes.translation
        facing = -(turned * space).sum(1) / np.linalg.norm(space, axis=1)
        pixel = view.place(found.camera.project(space))
        visible = (facing > _FACING) & ((pixel > 1) & (pixel < SIDE - 2)).all(1)
        seen, slope = view.sample(pixel)
        albedo = np.clip(self._mean + np.tensordot(codes.texture, self._modes, 1), 0.02, 1).astype(np.float32)
        light = self._light(albedo, turned, seen, visible)
        shading = np.maximum(shade(light, turned)[:, 0], 0.05)
        towards = shading_gradient(light, turned) @ codes.rotation  # (N, 3) head axes
        off = seen - albedo * shading[:, None] ** np.float32(1 / GAMMA)
        square = (off**2).mean(1)
        weight = visible * (1 + square / OUTLIER**2) ** -2
        cost = float(EFFECTIVE / COLOUR_SIGMA**2 * 3 * (visible * square / (1 + square / OUTLIER**2)).sum())
        error = float((visible * np.minimum(square, 0.25)).sum() / max(visible.sum(), 1))
        fit = self._fitter.report(codes, found.points, found.camera)
        agreement = Agreement(fit.residual, float(-10 * np.log10(max(error, 1e-6))))
        cost += self._prior_cost(found, codes)
        return State(
            codes, local, normals, seen, slope, albedo, shading, towards, weight.astype(np.float32), cost, agreement
        )

    def _light(self, albedo: Array, normals: Array, seen: Array, visible: Mask) -> Array:
        sure = visible & self._plain
        if sure.sum() < 50:
            return HeadCodes().light
        light, _ = light_of_skin(albedo[sure] ** GAMMA, normals[sure], seen[sure] ** GAMMA)
        return light

    def _normals(self, local: Array) -> Array:  # (3, U) -> (N, 3)
        a, b, c, d = (local[:, self._quads[:, k]] for k in range(4))
        total = self._gather @ cross((c - a).T, (d - b).T)
        return np.asarray((total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype(np.float32))

    def _prior_cost(self, found: Found, codes: HeadCodes) -> float:
        problem = self._fitter.prepare(found.points, found.sigma, found.camera, found.codes, solve_shape=True)
        pixel = found.camera.project(self._fitter.points3d(codes)[self._fitter.rows])
        points = ((pixel - problem.observed) * problem.weight[:, None]) ** 2
        here = np.concatenate([codes.expression, codes.shape])
        away = here - problem.center
        balance = here @ self._balance @ here
        size = (self._growth @ (codes.shape - found.codes.shape) / SIZE_SIGMA) ** 2
        return float(
            points.sum() + away @ problem.precision @ away + balance + size + (codes.texture**2).sum() / ALBEDO_SIGMA**2
        )

    # --- one step -----------------------------------------------------------------------------------------------------

    def _step(self, view: FaceCrop, found: Found, state: State, prior: HeadCodes, damping: float) -> HeadCodes:
        fitter, codes = self._fitter, state.codes
        problem = fitter.prepare(found.points, found.sigma, found.camera, found.codes, solve_shape=True)
        here = np.concatenate([codes.expression, codes.shape])
        count = len(here)
        total = POSE + count + N_TEXTURE
        jacobian = np.zeros((total, 3, len(self._ids)), np.float32)
        moved = projection_jacobian(state.local[:, self._ids], self._basis[:, :, self._ids], codes, found.camera)
        slope = state.slope * view.scale
        for channel in range(3):
            jacobian[: POSE + count, channel] = moved[:, 0] * slope[:, channel, 0] + moved[:, 1] * slope[:, channel, 1]
        g = state.shading ** np.float32(1 / GAMMA)
        lit = state.albedo * (g / (GAMMA * state.shading))[:, None]  # d(picture value) / d(shading)
        jacobian[: POSE + count] -= self.shading_jacobian(state)[:, None] * lit.T
        jacobian[POSE + count :] = -(self._modes * g[:, None]).transpose(0, 2, 1)
        scale = np.sqrt(EFFECTIVE * state.weight) / COLOUR_SIGMA
        rows = (jacobian * scale).reshape(total, -1)
        error = ((state.seen - state.albedo * g[:, None]).T * scale).ravel()
        normal, gradient = (rows @ rows.T).astype(np.float64), (rows @ error).astype(np.float64)
        pixel = found.camera.project(fitter.points3d(codes)[fitter.rows])
        local = fitter.start + here @ fitter.basis
        seen = (projection_jacobian(local, fitter.basis, codes, found.camera) * problem.weight).reshape(
            POSE + count, -1
        )
        off = ((pixel - problem.observed) * problem.weight[:, None]).T.ravel()
        normal[: POSE + count, : POSE + count] += seen @ seen.T
        gradient[: POSE + count] += seen @ off
        middle = slice(POSE, POSE + count)
        normal[middle, middle] += problem.precision + self._balance
        gradient[middle] += problem.precision @ (here - problem.center) + self._balance @ here
        given = slice(POSE + N_EXPRESSION, POSE + count)
        grown = self._growth / SIZE_SIGMA
        normal[given, given] += np.outer(grown, grown)
        gradient[given] += grown * (grown @ (codes.shape - found.codes.shape))
        rest = np.arange(POSE + count, total)
        normal[rest, rest] += ALBEDO_SIGMA**-2
        gradient[rest] += codes.texture * ALBEDO_SIGMA**-2
        normal[np.arange(total), np.arange(total)] *= 1 + 0.02 * damping
        low, high = bounds(codes, total)
        delta = bounded_solve(normal, -gradient, low, high, np.zeros(total, np.int8))
        texture = codes.texture + delta[rest]
        return updated_codes(codes, delta[: POSE + count]).with_(texture=texture)

    def shading_jacobian(self, state: State) -> Array:  # -> (6 + 132, N)
        """How the shading of each vertex changes with pose, expression and shape: the normals turn."""
        from scipy.sparse import csr_matrix

        codes, local = state.codes, state.local
        out = np.zeros((POSE + self._basis.shape[1], len(self._ids)), np.float32)
        turned, towards = state.normals @ codes.rotation.T, state.towards @ codes.rotation.T
        out[:3] = np.cross(turned, towards).T  # towards . (e x n) = e . (n x towards)
        a, b, c, d = (self._quads[:, k] for k in range(4))
        across, along = (local[:, c] - local[:, a]).T, (local[:, d] - local[:, b]).T
        length = np.linalg.norm(self._gather @ cross(across, along), axis=1)
        # Only what turns the normal counts, not what lengthens it; divided by the length once, here.
        flat = tangential(state.towards, state.normals) / np.maximum(length, 1e-12)[:, None]
        # flat . (move_ca x along + across x move_db) = move_ca . (along x flat) + move_db . (flat x across), of each
        # quad around each vertex: linear in how the quad's four corners move.
        quad, vertex = self._gather.indices, np.repeat(np.arange(len(flat)), np.diff(self._gather.indptr))
        of_ca, of_db = cross(along[quad], flat[vertex]), cross(flat[vertex], across[quad])
        data = np.stack([of_ca, -of_ca, of_db, -of_db], 1)  # (pairs, 4, 3)
        corners, ends = self._quads[quad][:, [2, 0, 3, 1]].ravel(), 4 * self._gather.indptr
        for axis in range(3):
            matrix = csr_matrix((data[..., axis].ravel(), corners, ends), (len(flat), local.shape[1]))
            out[POSE:] += (matrix @ self._by_vertex[axis]).T
        return out
