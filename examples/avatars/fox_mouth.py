"""The fox's mouth: a line that opens, with a tongue and two fangs behind it, laid on the face."""

from __future__ import annotations

import numpy as np
from fox_form import MOUTH_LINE, MOUTH_WIDTH, MOUTH_Y, Piece, cell, get, grid, on_face


def mouth() -> list[Piece]:
    s = np.linspace(-1, 1, 25)

    def curves(e: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """x, upper and lower edge (25,), and how far the lips are apart."""
        x, upper, lower = np.zeros(25), np.full(25, MOUTH_Y), np.full(25, MOUTH_Y)
        apart = 0.034 * (e.get("jawOpen", 0) - 0.9 * e.get("mouthClose", 0)) + 0.010 * e.get("mouthFunnel", 0)
        for side in (1, -1):
            half = np.clip(side * s, 0, 1)
            grow = (
                0.40 * get(e, "mouthSmile", side)
                + 0.30 * get(e, "mouthStretch", side)
                + 0.1 * get(e, "mouthDimple", side)
            )
            shrink = 0.52 * e.get("mouthPucker", 0) + 0.30 * e.get("mouthFunnel", 0) + 0.12 * e.get("jawOpen", 0)
            x += side * half * MOUTH_WIDTH * (1 + grow - shrink)
            corner = 0.004 + 0.014 * get(e, "mouthSmile", side) - 0.013 * get(e, "mouthFrown", side)
            corner -= 0.004 * get(e, "mouthStretch", side)
            upper += half**2 * corner
            lower += half**2 * corner
            middle = half * (1 - half) * 4
            upper += 0.006 * middle * get(e, "mouthUpperUp", side)
            lower -= 0.007 * middle * get(e, "mouthLowerDown", side)
        x += 0.012 * (e.get("mouthLeft", 0) - e.get("mouthRight", 0))
        round_ = np.sqrt(np.maximum(1 - s**2, 0))
        thick = MOUTH_LINE * (1 + 1.6 * e.get("mouthPucker", 0)) * round_
        upper += thick + 0.2 * apart * round_
        lower -= thick + 0.8 * apart * round_
        x += 0.012 * (e.get("jawLeft", 0) - e.get("jawRight", 0)) * 0.5
        return x, upper, lower, apart

    def behind(apart: float) -> float:
        """0 while the lips are closed: teeth and tongue are then behind the dark."""
        return min(max(apart, 0) / 0.012, 1.0)

    def sheet(x: np.ndarray, top: np.ndarray, bottom: np.ndarray, rows: int, out: float) -> np.ndarray:
        share = np.linspace(0, 1, rows)[:, None]
        y = (1 - share) * top + share * bottom
        # The lower lip hangs before the muzzle, which comes down behind it.
        return on_face(np.broadcast_to(x, y.shape), y, out + 0.3 * np.maximum(MOUTH_Y - y, 0)).reshape(-1, 3)

    def inside(e: dict[str, float]) -> np.ndarray:
        x, upper, lower, _ = curves(e)
        return sheet(x, upper, lower, 6, 0.0030)

    def tongue(e: dict[str, float]) -> np.ndarray:
        x, _, lower, apart = curves(e)
        out = e.get("tongueOut", 0)
        round_ = np.sqrt(np.maximum(1 - s**2, 0))
        height = (0.55 * max(apart, 0) + 0.0002) * round_
        lower = np.interp(0.62 * s, s, lower)
        bottom = lower + 0.1 * max(apart, 0) * round_ - 0.026 * out * round_
        lift = 0.0024 + 0.0012 * behind(apart) + 0.0052 * out
        return sheet(0.62 * x, bottom + height + 0.026 * out * round_, bottom, 5, lift)

    def teeth(e: dict[str, float]) -> np.ndarray:
        x, upper, _, apart = curves(e)
        show = min(0.3 * max(apart, 0), 0.0085)
        lift = 0.0024 + 0.0018 * behind(apart)
        rows = []
        for at in (5, 19):
            left, right, top = x[at - 2], x[at + 2], upper[at] - 0.0006
            tri = on_face([left, right, (left + right) / 2], [top, top, top - show - 1e-5], lift)
            rows.append(tri)
        return np.concatenate(rows)

    none: dict[str, float] = {}
    return [
        Piece(inside, cell("mouth", len(inside(none))), grid(6, 25)),
        Piece(tongue, cell("tongue", len(tongue(none))), grid(5, 25)),
        Piece(teeth, cell("tooth", 6), np.array([[0, 2, 1], [3, 5, 4]])),
    ]
