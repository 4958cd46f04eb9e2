"""Plots of the report. Matplotlib comes with face3d-live[train]."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from face3d_live.codes import ARKIT
from face3d_live.train.evaluate.clips import CHANNELS, Track, channel

OURS, THEIRS = "tab:red", "tab:gray"

#: What of a clip is drawn over time.
DRAWN = ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "browInnerUp", "browDownLeft", "mouthPucker", "gaze sideways")


def channels(report: Mapping[str, Any], path: Path) -> None:
    """r of each channel on synthetic faces, after the fit and of the network alone."""
    part = report["synthetic"]
    names = [name for name in ARKIT if name in part["fit"]["r"]]
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots()
    place = np.arange(len(names))
    axes.bar(place, [part["fit"]["r"][name] for name in names], color=OURS, label="as shipped")
    axes.plot(place, [part["network"]["r"][name] for name in names], "k_", label="network alone")
    axes.axhline(part["fit"]["mean_r"], color=THEIRS, lw=0.8, label="mean")
    axes.set(ylabel="r", title=f"Synthetic faces held out ({part['faces']})", xlim=(-1, len(names)))
    axes.set_xticks(place, names, rotation=90, fontsize=7)
    axes.legend()
    _write(figure, path)


def confidence(report: Mapping[str, Any], path: Path) -> None:
    """The error that confidence foretells against the one found, in equal groups of faces."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    most = 0.0
    for name in ("synthetic", "portraits"):
        if name in report:
            table = report[name]["calibration"]
            axes.plot([b["expected"] for b in table], [b["error"] for b in table], "o-", label=name)
            most = max(most, *(b["error"] for b in table), *(b["expected"] for b in table))
    axes.plot([0, most], [0, most], color=THEIRS, lw=0.8)
    axes.set(xlabel="error expected, half sides of the crop", ylabel="error found", title="Confidence")
    axes.legend()
    _write(figure, path)


def clips(tracks: Mapping[str, tuple[Track, Track]], path: Path) -> None:
    """Some channels of each clip over time, ours and the other tracker's: (ours, theirs) by clip."""
    figure = Figure(figsize=(2.6 * len(DRAWN), 1.25 * len(tracks) + 0.6), layout="constrained")
    grid = figure.subplots(len(tracks), len(DRAWN), squeeze=False, sharex="row")
    for row, (name, (ours, theirs)) in zip(grid, tracks.items(), strict=True):
        for axes, drawn in zip(row, DRAWN, strict=True):
            axes.plot(channel(theirs.expression, CHANNELS[drawn]), color=THEIRS, lw=1.2)
            axes.plot(channel(ours.expression, CHANNELS[drawn]), color=OURS, lw=1.0)
            axes.set_ylim(*((-0.6, 0.6) if drawn == "gaze sideways" else (-0.03, 1.03)))
            axes.tick_params(labelsize=6)
        row[0].set_ylabel(name)
    for axes, drawn in zip(grid[0], DRAWN, strict=True):
        axes.set_title(drawn, fontsize=9)
    figure.suptitle("Clips frame by frame: this tracker (red), MediaPipe (grey)", fontsize=10)
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
