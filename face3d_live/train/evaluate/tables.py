"""The report's tables with more than one figure a line: by channel, by group of faces, by clip, by confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from face3d_live.codes import ARKIT

Report = Mapping[str, Any]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line for each row."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def breakdown_tables(report: Report) -> list[str]:
    """Sections of Markdown, each with its heading."""
    out = []
    for name in ("synthetic", "portraits"):
        if name in report:
            part, title = report[name], f"## {name.capitalize()}"
            out.append(f"{title}: faces channel by channel\n\n{_channels(part)}")
            out.append(f"{title}: errors by group, as shipped\n\n{_groups(part)}")
            out.append(f"{title}: confidence, as error in half sides of the crop\n\n{_calibration(part)}")
    if "true_points" in report:
        out.append(
            f"## Synthetic faces: what the fit would make of better points\n\n{_true_points(report['true_points'])}"
        )
    if report.get("drawn"):
        out.append(f"## Moving heads with known codes: r over time\n\n{_group_channels(report['drawn'])}")
    clips = report.get("clips")
    if clips:
        title = "## Clips: r over time, mean of those where MediaPipe's answer moves"
        out.append(f"{title}\n\n{_group_channels({key: clips[key] for key in clips if key != 'each'})}")
        out.append(f"## Clip by clip\n\n{_clips(clips['each'])}")
    return out


def _channels(part: Report) -> str:
    def cells(kind: str, channel: str) -> list[str]:
        figures = [part[kind][name].get(channel) for name in ("r", "slope")]
        error = part[kind].get("mae_by_channel", {}).get(channel)  # only true codes have the same units
        shown = ["" if value is None else f"{value:.2f}" for value in figures]
        return [*shown, *([] if error is None else [f"{error:.3f}"])]

    known = "mae_by_channel" in part["fit"]
    titles = ["r", "slope", *(["error"] if known else [])]
    header = ["channel", *(f"{title}, {kind}" for kind in ("network", "as shipped") for title in titles)]
    channels = [c for c in ARKIT if known or c in part["fit"]["r"]]
    return markdown_table(header, [[c, *cells("network", c), *cells("fit", c)] for c in channels])


def _groups(part: Report) -> str:
    surfaces = part.get("by_vertices")
    rows = []
    for by, groups in part["by"].items():
        for name, group in groups.items():
            vertices = [f"{surfaces[by][name]['error']:.2f}"] if surfaces else []
            rows.append([by, name, f"{group['faces']:.0f}", f"{group['error']:.2f}", *vertices])
    header = ("by", "group", "faces", "landmarks, % of the eye distance", *(["vertices, mm"] if surfaces else []))
    return markdown_table(header, rows)


def _true_points(parts: Sequence[Report]) -> str:
    keys = ("mean_r", "vertices_mm", "aligned_mm", "known_scale_mm", "scale_mean_percent", "scale_sd_percent")
    rows = [[f"{p['noise_percent']:g} %", str(p["faces"]), *(f"{p[key]:.2f}" for key in keys)] for p in parts]
    errors = ("vertices, mm", "aligned", "size given", "too small by, %", "sd, %")
    header = ("true points with noise of", "faces", "mean r", *errors)
    about = "Noise in half sides of the crop, each point by itself. The fit begins at the network's codes."
    return f"{markdown_table(header, rows)}\n{about}\n"


def _calibration(part: Report) -> str:
    rows = [[f"{b['faces']:.0f}", f"{b['expected']:.3f}", f"{b['error']:.3f}"] for b in part["calibration"]]
    return markdown_table(("faces", "error expected", "error found"), rows)


def _group_channels(groups: Report) -> str:
    """groups: name -> `evaluate_clips.group_figures`."""
    names = dict.fromkeys(channel for group in groups.values() for channel in group["r"])

    def cells(group: Report, channel: str) -> list[str]:
        r, slope = group["r"].get(channel), group["slope"].get(channel)
        size = "" if slope is None else f"{slope:.2f}"
        return ["", size, ""] if r is None else [f"{r:.2f}", size, str(group["clips_with"][channel])]

    titles = [title for name in groups for title in (f"r, {name}", "slope", "clips")]
    rows = [[channel, *(cell for group in groups.values() for cell in cells(group, channel))] for channel in names]
    return markdown_table(["channel", *titles], rows)


def _clips(clips: Mapping[str, Any]) -> str:
    def text(value: float | None, digits: int = 2) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    rows = []
    for name, clip in clips.items():
        ours, theirs = clip.get("shake", (None, None))
        r = ", ".join(f"{channel} {value:.2f}" for channel, value in clip["r"].items())
        blinks = "{seen}/{found}/{false}".format(**clip["blinks"]) if "blinks" in clip else ""
        off = (text(clip.get("landmarks_percent")), text(clip.get("rotation_degrees")))
        rows.append([name, str(clip["found"]), *off, text(ours), text(theirs), blinks, text(clip.get("delay"), 1), r])
    header = ("clip", "frames", "landmarks %", "rotation °", "shake %", "MediaPipe's", "blinks s/f/f", "delay", "r")
    return markdown_table(header, rows)
