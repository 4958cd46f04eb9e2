"""`face3d-live track --ray`: videos, folders, patterns and lists to an .npz each, and summary.parquet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from face3d_live.cluster.batch import Machines, TrackOptions, read_lists, track_videos, write_summary
from face3d_live.reconstruct.batch import expand
from face3d_live.reconstruct.fusing import VIDEO_SUFFIXES
from face3d_live.text import shown


def track_many(sources: Sequence[Path], out: Path, options: TrackOptions, machines: Machines, force: bool) -> int:
    """Track all. Returns the exit code; a video that fails prints `error: CODE: what to do`, the others go on.

    Raises InputError "no-photos", "bad-list", AssetError "no-cluster".
    """
    videos, _ = expand(read_lists(sources), VIDEO_SUFFIXES)
    order = {shown(video): i for i, video in enumerate(videos)}
    rows = []
    for row in track_videos(videos, out, options, machines, force):
        rows.append(row)
        at = f"{len(rows)}/{len(videos)} {row['out']}"
        if row["state"] == "failed":
            print(f"error: {row['code']}: {row['video']}: {row['message']}", file=sys.stderr, flush=True)
        elif row["state"] == "skipped":
            print(f"{at}: there already; --force tracks it again", flush=True)
        else:
            print(f"{at}: {row['frames']} frames, face in {row['detected']:.0%}", flush=True)
    rows.sort(key=lambda row: order.get(row["video"], 0))
    write_summary(rows, out)
    return 1 if any(row["state"] == "failed" for row in rows) else 0
