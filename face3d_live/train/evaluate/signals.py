"""Figures of merit of a face over time, on plain arrays: one row a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from face3d_live import rotations
from face3d_live.train.evaluate.metrics import pearson
from face3d_live.typing import AnyArray, Mask

#: A face is at rest where its landmarks, averaged over `CALM_WINDOW` frames, move less than so much a frame
#: (fraction of the eye distance).
CALM, CALM_WINDOW = 0.005, 7

#: A blink: the lids close and open again within a window of `BLINK_WINDOW` seconds, by at least so much, and stay
#: under half of it for at most `BLINK_LENGTH` seconds. The other tracker's lids move by about 0.2 in a blink.
BLINK_RISE, BLINK_WINDOW, BLINK_LENGTH = 0.15, 0.8, 0.35
#: Blinks of two trackers are the same within so many seconds.
BLINK_NEAR = 0.15
#: A rise of the reference that is no blink yet excuses one that is seen there.
BLINK_DOUBT = 0.08

#: The longest delay looked for, frames, and the r below which a delay means nothing.
MOST_DELAY, CLEAR = 6, 0.6


@dataclass(frozen=True)
class Blinks:
    """Of the blinks that the reference has, how many were found, and how many were seen where it has none."""

    seen: int
    found: int
    false: int


def blink_times(lids: AnyArray, fps: float, rise: float = BLINK_RISE) -> AnyArray:  # (T,) 0..1 -> (n,) frames
    """Frames at which the lids are closed the most."""
    window = max(3, round(BLINK_WINDOW * fps) | 1)
    longest = BLINK_LENGTH * fps
    # The first and the last frame can be no peaks: what is cut off there might be no blink.
    peaks, _ = find_peaks(
        lids, plateau_size=(1, longest), prominence=rise, width=(0, longest), rel_height=0.5, wlen=window
    )
    return np.asarray(peaks)


def compare_blinks(lids: AnyArray, reference: AnyArray, fps: float) -> Blinks:  # (T,) x 2
    """The blinks of `lids` against those of `reference`, each counted once."""
    near = BLINK_NEAR * fps
    ours, truth = list(blink_times(lids, fps)), blink_times(reference, fps)
    found = 0
    for time in truth:
        match = min(ours, key=lambda own: abs(own - time), default=None)
        if match is not None and abs(match - time) <= near:
            ours.remove(match)
            found += 1
    doubtful = blink_times(reference, fps, BLINK_DOUBT)
    false = [own for own in ours if not (np.abs(doubtful - own) <= near).any()]
    return Blinks(len(truth), found, len(false))


def delay(signal: AnyArray, reference: AnyArray, most: int = MOST_DELAY) -> float | None:  # (T,) x 2
    """Frames by which `signal` comes after `reference`: the peak of their cross-correlation, by a parabola.

    None where they are nowhere alike (r below `CLEAR`) or alike at no lag in particular.
    """
    lags = np.arange(-most, most + 1)
    length = len(signal) - 2 * most
    if length < 2 * most:
        return None
    middle = reference[most : most + length]
    r = np.array([pearson(signal[most + lag : most + lag + length], middle) for lag in lags])
    best = int(r.argmax())
    if r[best] < CLEAR or best in (0, len(r) - 1):
        return None
    before, top, after = r[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(lags[best] + (0.5 * (before - after) / bend if bend < 0 else 0.0))


def at_rest(landmarks: AnyArray, eyes: AnyArray) -> Mask:  # (T, N, 2) px, (T,) eye distances px -> (T,)
    """Frames in which the face, seen over a quarter of a second, keeps still."""
    pad = CALM_WINDOW // 2
    padded = np.pad(landmarks, ((pad, pad), (0, 0), (0, 0)), mode="edge")
    total = np.cumsum(np.concatenate([np.zeros((1, *landmarks.shape[1:])), padded]), axis=0)
    smooth = (total[CALM_WINDOW:] - total[:-CALM_WINDOW]) / CALM_WINDOW
    speed = np.linalg.norm(np.gradient(smooth, axis=0), axis=-1).mean(-1) / eyes
    return np.asarray(speed < CALM)


def shake(landmarks: AnyArray, eyes: AnyArray) -> AnyArray:  # (T, N, 2) px, (T,) -> (T,)
    """How far landmarks lie off the middle of their places before and after, % of the eye distance; NaN at the ends."""
    out = np.full(len(landmarks), np.nan)
    if len(landmarks) > 2:
        away = landmarks[1:-1] - (landmarks[:-2] + landmarks[2:]) / 2
        out[1:-1] = 100 * np.linalg.norm(away, axis=-1).mean(-1) / eyes[1:-1]
    return out


def relative_rotation_errors(rotation: AnyArray, reference: AnyArray) -> AnyArray:  # (T, 3, 3) x 2 -> (T,) degrees
    """Angles between two tracks of one head whose head frames differ by a turn that nobody knows but that stays."""
    between = np.einsum("tji,tjk->ik", reference, rotation)  # its rotation part is that turn
    u, _, vt = np.linalg.svd(between)
    turn = (u * np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])) @ vt
    return np.degrees(rotations.angle_between(rotation, reference @ turn))
