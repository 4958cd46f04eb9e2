"""What is asked of the regressor, and the report: one table for the terminal, JSON and Markdown for a document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from face3d_live.train.evaluate.faces import RARE
from face3d_live.train.evaluate.tables import breakdown_tables, markdown_table

Report = Mapping[str, Any]

#: Fewer blinks than this prove nothing.
FEW_BLINKS = 5


@dataclass(frozen=True)
class Goal:
    """One thing asked. path: where the report holds the figure, "{}" standing for network or fit.
    rising: more is better."""

    measure: str
    path: str
    floor: float
    target: float
    rising: bool = False

    def met(self, value: float | None) -> str:
        """What a figure reaches: "target", "floor" or "no"; "not measured" for None."""
        if value is None:
            return "not measured"
        sign = 1 if self.rising else -1
        reached = [name for name in ("target", "floor") if sign * value >= sign * getattr(self, name)]
        return reached[0] if reached else "no"


#: Floors and targets. Judged is what leaves the program: after the fit, and in clips after smoothing.
GOALS = (
    Goal("clips held out: size, median slope of 12 channels", "clips/held out/median_slope", 0.85, 0.9, rising=True),
    Goal("clips held out: size, least slope of 12 channels", "clips/held out/least_slope", 0.65, 0.85, rising=True),
    Goal("clips held out: size, least of 5 distances", "clips/held out/least_distance_slope", 0.80, 0.95, rising=True),
    Goal("clips held out: mean r within a clip", "clips/held out/mean_r", 0.85, 0.92, rising=True),
    Goal("clips held out: landmarks, %", "clips/held out/landmarks_percent", 2.3, 1.8),
    Goal("clips held out: relative rotation, degrees", "clips/held out/rotation_degrees", 2.2, 1.5),
    Goal("synthetic: mean r of the channels", "synthetic/{}/mean_r", 0.62, 0.85, rising=True),
    Goal("synthetic: vertices, size given, mm", "synthetic/{}/known_scale_mm", 1.7, 1.2),
    Goal("scan heads: vertices, aligned, mm", "scans/{}/mean", 2.0, 1.2),
    Goal("portraits: landmarks, %", "portraits/{}/landmarks_percent", 3.5, 2.5),
    Goal("clips held out: jitter / MediaPipe's", "clips/held out/jitter", 1.2, 0.8),
    Goal("clips held out: blinks found", "clips/held out/blinks_found", 0.85, 0.98, rising=True),
    Goal("clips held out: false blinks / min", "clips/held out/false_blinks_a_minute", 2.0, 0.2),
    *(Goal(f"synthetic: r of {name}", f"synthetic/{{}}/r/{name}", 0.6, 0.9, rising=True) for name in RARE),
    Goal("portraits: worst skin tone / mean", "portraits/worst_tone/ratio", 1.5, 1.15),
)


@dataclass(frozen=True)
class Row:
    """A line of the table, as text."""

    measure: str
    network: str = ""
    fit: str = ""
    floor: str = ""
    target: str = ""
    met: str = ""


HEADER = Row("measure", "network", "shipped", "floor", "target", "reached")


def lookup(report: Report, path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    value: Any = report
    for key in path.split("/"):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def number(value: float | None) -> str:
    """Three significant digits; nothing for None."""
    return "" if value is None else f"{value:.3g}"


def goal_rows(report: Report) -> list[Row]:
    """Floors and targets with what was measured beside them."""
    rows = []
    for goal in GOALS:
        fit = lookup(report, goal.path.format("fit"))
        network = lookup(report, goal.path.format("network")) if "{}" in goal.path else None
        few = "blinks" in goal.path and (lookup(report, "clips/held out/blinks/seen") or 0) < FEW_BLINKS
        met = "too few" if few and fit is not None else goal.met(fit)
        alone, shipped, floor, target = (number(value) for value in (network, fit, goal.floor, goal.target))
        rows.append(Row(goal.measure, alone, shipped, floor, target, met))
    return rows


_FACES = {
    "landmarks_percent": "landmarks, all 478 alike, %",
    "ibug68_percent": "landmarks, iBUG's 68, %",
    "points_percent": "landmarks, weighted by trust, %",
    "points_p95": "95th percentile of it",
    "rotation_degrees": "rotation, degrees",
    "mean_r": "mean r of {} channels",
    "median_slope": "median slope of {} channels",
    "mae": "mean error of the channels",
    "gaze_degrees": "gaze, degrees",
    "vertices_mm": "vertices, with expression, mm",
    "neutral_mm": "vertices, at rest, mm",
    "aligned_mm": "vertices, with expression, aligned, mm",
    "known_scale_mm": "vertices, with expression, aligned, size given, mm",
    "scale_sd_percent": "size, spread of its error (sd), %",
}


def figure_rows(report: Report) -> list[Row]:
    """Everything else that is one number."""
    rows = []
    for name in ("synthetic", "portraits"):
        part = report.get(name)
        if part is None:
            continue
        rows.append(Row(f"{name}: faces", "", str(part["faces"])))
        for key, label in _FACES.items():
            if key in part["fit"]:
                values = (number(part[kind][key]) for kind in ("network", "fit"))
                rows.append(Row(f"{name}: {label.format(part['fit']['channels'])}", *values))
        if "average_face_mm" in part:
            rows.append(Row(f"{name}: vertices of the average face, mm", "", number(part["average_face_mm"])))
            known = number(part["average_face_known_scale_mm"])
            rows.append(Row(f"{name}: the average face, aligned, size given, mm", "", known))
        for trait in lookup(part, "traits/fit") or {}:
            values = (number(part["traits"][kind][trait]) for kind in ("network", "fit"))
            rows.append(Row(f"{name}: r across people, {trait}", *values))
        rho = number(part["confidence_against_error"])
        rows.append(Row(f"{name}: rank r of confidence and error", rho))
    return (
        rows
        + _true_point_rows(report)
        + _scan_rows(report)
        + _clip_rows(report)
        + _drawn_rows(report)
        + _people_rows(report)
    )


def _true_point_rows(report: Report) -> list[Row]:
    """What better points would give; the whole table is in the document."""
    rows = []
    for part in report.get("true_points", ()):
        figures = ", ".join(number(part[key]) for key in ("mean_r", "vertices_mm", "known_scale_mm"))
        title = f"fit to true points, noise {part['noise_percent']:g} %: mean r; mm; mm, size given"
        rows.append(Row(title, "", figures))
    return rows


def _scan_rows(report: Report) -> list[Row]:
    part = report.get("scans")
    if part is None:
        return []
    names = {
        "mean": "mean, mm",
        "median": "median, mm",
        "p95": "95th percentile, mm",
        "frontal": "mean under 30° of yaw, mm",
        "known_scale": "mean, size given, mm",
        "scale_sd_percent": "size, spread of its error (sd), %",
    }
    rows = [
        Row(f"scan heads: {label}", number(part["network"][key]), number(part["fit"][key]))
        for key, label in names.items()
    ]
    for name in ("average face", "nearest code"):
        rows.append(Row(f"scan heads: the {name}, mm", "", number(part[name]["mean"])))
        rows.append(Row(f"scan heads: the {name}, size given, mm", "", number(part[name]["known_scale"])))
    return rows


def _clip_rows(report: Report) -> list[Row]:
    rows = []
    for group in ("held out", "trained on"):
        part = lookup(report, f"clips/{group}")
        if part is None:
            continue
        title = f"{part['clips']} clips {group}"
        blinks = part["blinks"]
        rows += [
            Row(f"{title}: mean r", "", number(part["mean_r"])),
            Row(f"{title}: mean r of all frames pooled", "", number(part["pooled_r"])),
            *(
                Row(f"{title}: size of {name}, slope on MediaPipe's", "", number(slope))
                for name, slope in part["distance_slope"].items()
            ),
            Row(f"{title}: landmarks off MediaPipe's, %", "", number(part["landmarks_percent"])),
            Row(f"{title}: relative rotation, degrees", "", number(part["rotation_degrees"])),
            Row(f"{title}: jitter / MediaPipe's ({part['rest_frames']} frames)", "", number(part["jitter"])),
            Row(f"{title}: blinks seen, found, false", "", "{seen}, {found}, {false}".format(**blinks)),
            Row(f"{title}: frames behind MediaPipe", "", number(part["delay"])),
            Row(f"{title}: frames behind the unsmoothed", "", number(part["smoothing_delay"])),
        ]
    return rows


def _drawn_rows(report: Report) -> list[Row]:
    """Moving heads with known codes; MediaPipe's own figures are in the measure's name."""
    part = report.get("drawn") or {}
    ours, theirs = part.get("tracker"), part.get("MediaPipe")
    if not ours:
        return []
    labels = {
        "mean_r": "mean r",
        "landmarks_percent": "landmarks, %",
        "rotation_degrees": "relative rotation, degrees",
        "blinks_found": "blinks found",
        "false_blinks_a_minute": "false blinks / min",
        "delay": "frames behind the truth",
    }
    rows = [Row("moving heads: blinks there are", "", str(ours["blinks"]["seen"]))]
    for key, label in labels.items():
        other = f" (MediaPipe {number(theirs[key])})" if theirs else ""
        rows.append(Row(f"moving heads: {label}{other}", "", number(ours[key])))
    return rows


def _people_rows(report: Report) -> list[Row]:
    part = report.get("identity")
    if part is None:
        return []
    rows = []
    for group, figures in part["fit"].items():
        if "ratio" in figures:
            title = f"identity, {figures['people']} people {group}"
            for key, label in {"ratio": "distance, own / others", "identified": "found again"}.items():
                rows.append(Row(f"{title}: {label}", *(number(part[kind][group][key]) for kind in ("network", "fit"))))
    return rows


def terminal_table(report: Report) -> Table:
    """Goals, then everything else."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for i, title in enumerate(_cells(HEADER)):
        table.add_column(title, no_wrap=i > 0, justify="left" if i in (0, 5) else "right")
    for row in goal_rows(report):
        table.add_row(*_cells(row), style={"target": "green", "floor": "yellow", "no": "red"}.get(row.met))
    table.add_section()
    for row in figure_rows(report):
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    return tuple(vars(row).values())


def to_markdown(report: Report, pictures: Sequence[str] = ()) -> str:
    """The whole report. pictures: paths relative to the document."""
    about = ", ".join(f"{key} {value}" for key, value in report["weights"].items() if key != "architecture")
    figures = markdown_table(_cells(HEADER)[:3], [_cells(row)[:3] for row in figure_rows(report)])
    parts = [
        f"# Evaluation\n\nWeights: {about}.\n",
        "## Floors and targets\n",
        markdown_table(_cells(HEADER), [_cells(row) for row in goal_rows(report)]),
        f"## Figures\n\n{figures}",
        *breakdown_tables(report),
        *(f"![{Path(path).stem}]({path})\n" for path in pictures),
    ]
    return "\n".join(parts)


def save(report: Report, folder: Path, pictures: Sequence[Path] = ()) -> None:
    """`evaluation.json` and `evaluation.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=1))
    relative = [path.relative_to(folder).as_posix() for path in pictures]
    (folder / "evaluation.md").write_text(to_markdown(report, relative))
