"""What became of one of many photos: a line of summary.csv."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face3d_live.text import shown

#: Of summary.csv.
COLUMNS = (
    "photo", "folder", "state", "code", "message", "seconds", "confidence", "mode", "observed", "face_pixels",
    "yaw_deg", "warnings",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One photo and the folder for its head."""

    photo: Path
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """state: "done", "skipped" or "failed"; code and message: why it failed; report: of what was made."""

    task: Task
    state: str
    code: str = ""
    message: str = ""
    report: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """A line of summary.csv."""
        report = self.report or {}
        quality = report.get("quality", {})
        return {
            "photo": shown(self.task.photo),
            "folder": shown(self.task.folder.name),
            "state": self.state,
            "code": self.code,
            "message": shown(self.message),
            "seconds": round(sum(report.get("ms", {}).values()) / 1e3, 2) if report else "",
            "confidence": report.get("confidence", ""),
            "mode": report.get("mode", ""),
            "observed": report.get("observed", ""),
            "face_pixels": quality.get("face_pixels", ""),
            "yaw_deg": quality.get("yaw_deg", ""),
            "warnings": " ".join(report.get("warning_codes", [])),
        }
