"""Operations on take files: describe, trim, rename, recover, export. All but `export` in bounded memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from face3d_live.errors import ConflictError, InputError
from face3d_live.takes import formats, render_video, sound
from face3d_live.takes.files import replacing, save
from face3d_live.takes.jsonl import Encoder
from face3d_live.takes.model import Gap, Header, Take, TakeFrame
from face3d_live.takes.reader import TakeReader, read_summary
from face3d_live.takes.writer import SUFFIX, TakeWriter


def describe(path: Path) -> str:
    """A take in words, one fact a line. Raises InputError: "missing-take", "not-a-take"."""
    if path.suffix.lower() == ".npz":
        take = formats.load_take(path)
        records: Iterator[TakeFrame | Gap] = (r for r in take.records() if isinstance(r, TakeFrame | Gap))
        return _words(take.header, records, [])
    with TakeReader(path) as reader:
        return "\n".join([_words(reader.header, iter(reader), reader.notes), *_sidecars(path)])


def _sidecars(path: Path) -> list[str]:
    """The take's sound and render in words."""
    found = (("sound", sound.sidecar_path(path)), ("render", render_video.sidecar_path(path)))
    return [f"{what:<9}{at.name}, {at.stat().st_size / 1e6:.1f} MB" for what, at in found if at is not None]


def _words(header: Header, records: Iterator[TakeFrame | Gap], notes: list[str]) -> str:
    frames = faces = gaps = pictures = 0
    first = last = 0.0
    reasons: dict[str, int] = {}
    for record in records:
        if isinstance(record, Gap):
            gaps, pictures = gaps + 1, pictures + record.pictures
            reasons[record.why] = reasons.get(record.why, 0) + 1
            continue
        first = record.t if frames == 0 else first
        last, frames, faces = record.t, frames + 1, faces + record.face
    seconds = last - first
    rate = f", {(frames - 1) / seconds:.2f} frames a second" if seconds > 0 else ""
    why = f" ({', '.join(f'{count} {name}' for name, count in sorted(reasons.items()))})" if reasons else ""
    lines = [
        f"name     {header.name}",
        f"created  {header.created:%Y-%m-%d %H:%M:%S %z}",
        f"length   {seconds:.2f} s, {frames} frames{rate}",
        f"face     in {faces / frames:.1%} of the frames" if frames else "face     no frames",
        f"gaps     {gaps}{why}, {pictures} pictures known to be missing",
    ]
    return "\n".join(lines + [f"note     {note}" for note in notes])


def trim(path: Path, out: Path, start: float, end: float | None) -> str:
    """Write the frames with start <= t < end seconds as a take of its own. Returns what was done, in words.

    Raises InputError: "nothing-left", "bad-range", "unknown-format", and what reading and writing raise.
    """
    if start < 0 or (end is not None and end <= start):
        raise InputError("bad-range", "--start must be at least 0 and --end after it, in seconds")
    return _rewrite(path, out, start, end)


def rename(path: Path, name: str) -> None:
    """Give a take another name; nothing else of the file changes, an unfinished end included.

    Raises InputError "missing-take", "not-a-take" and those of writing.
    """
    header = replace(read_summary(path).header, name=name)
    with replacing(path) as temporary, path.open("rb") as before, temporary.open("wb") as after:
        before.readline()
        after.write(Encoder().header(header).encode())
        shutil.copyfileobj(before, after)


def recover(path: Path, out: Path | None) -> str:
    """Write all that can be read of a damaged take as a sound one, beside it by default."""
    return _rewrite(path, out or path.with_name(f"{path.stem}-recovered{SUFFIX}"), 0.0, None)


def _rewrite(path: Path, out: Path, start: float, end: float | None) -> str:
    if out.suffix.lower() != SUFFIX:
        raise InputError("unknown-format", f"recordings end in {SUFFIX}: name it so, then export it")
    with TakeReader(path) as reader:
        records = _between(reader, start, end)
        first = next((record for record in records if isinstance(record, TakeFrame)), None)
        if first is None:
            raise InputError("nothing-left", f"{path} has no frame there: see face3d-live takes info")
        header = replace(reader.header, created=reader.header.created + timedelta(seconds=first.t))
        with TakeWriter(out, header) as writer:
            writer.write(first)
            for record in records:
                writer.write(record)
            done = f"{out}: {writer.frames} frames, {writer.seconds:.2f} s"
        with_it = _copy_sidecars(path, out, first.t, writer.seconds + 1 / header.fps, whole=start == 0 and end is None)
        return "\n".join([done, *with_it, *(f"note: {note}" for note in reader.notes)])


def _copy_sidecars(path: Path, out: Path, start: float, seconds: float, whole: bool) -> list[str]:
    """Write the take's sound, and of a whole take its render, beside `out`. Returns what was done, in words."""
    done = []
    if (sound_path := sound.sidecar_path(path)) is not None:
        copy = out.with_suffix(sound.SUFFIX)
        sound.cut(sound_path, copy, start, seconds)
        done.append(f"{copy}: its sound")
    if (seen := render_video.sidecar_path(path)) is not None and whole:
        copy = out.with_suffix(render_video.SUFFIX)
        with replacing(copy) as temporary:
            shutil.copyfile(seen, temporary)
        done.append(f"{copy}: its render")
    elif seen is not None:
        done.append("note: the recorded render is left out, as it cannot be cut; export a film of the part instead")
    return done


def _between(reader: TakeReader, start: float, end: float | None) -> Iterator[TakeFrame | Gap]:
    """The frames with start <= t < end, and the gaps between them."""
    origin: float | None = None
    inside = False
    for record in reader:
        if isinstance(record, TakeFrame):
            origin = record.t if origin is None else origin
            inside = record.t - origin >= start and (end is None or record.t - origin < end)
        if inside:
            yield record


def cut(take: Take, start: float, end: float | None) -> Take:
    """The part with start <= t < end of a take in memory. Raises InputError: "nothing-left", "bad-range"."""
    if start < 0 or (end is not None and end <= start):
        raise InputError("bad-range", "--start must be at least 0 and --end after it, in seconds")
    chosen = np.flatnonzero((take.t >= start) & (take.t < (np.inf if end is None else end)))
    if len(chosen) == 0:
        raise InputError("nothing-left", f"the take is {take.seconds:.2f} s long: choose a part of that")
    i, j = int(chosen[0]), int(chosen[-1]) + 1
    return replace(
        take,
        header=replace(take.header, created=take.header.created + timedelta(seconds=float(take.t[i]))),
        number=take.number[i:j],
        t=take.t[i:j] - take.t[i],
        face=take.face[i:j],
        expression=take.expression[i:j],
        rotation=take.rotation[i:j],
        translation=take.translation[i:j],
        light=take.light[i:j],
        person=take.person[i:j],
        gaps=tuple((before - i, gap) for before, gap in take.gaps if i < before < j),
    )


def export(
    path: Path,
    out: Path,
    *,
    model: Path | None = None,
    size: int = 720,
    alpha: bool = False,
    seen: bool = False,
    silent: bool = False,
) -> str:
    """Write a take in the format of `out`'s suffix. model: a .glb to animate instead of the person's own head.

    seen: the recorded render instead of a new one. silent: a video without the take's sound.
    Returns what was done, in words. Raises InputError and AssetError of the formats.
    """
    suffix = out.suffix.lower()
    if seen:
        length = render_video.export_render(path, out, silent)
        return f"{out}: the recorded render, {length:.2f} s"
    if suffix == sound.SUFFIX:
        sound_path = sound.require_sidecar(path)
        sound.cut(sound_path, out, 0.0, float("inf"))
        return f"{out}: the sound of {path}"
    take = formats.load_take(path)
    if not len(take):
        raise ConflictError("empty-take", f"{path} holds no frame: record it again")
    if suffix in formats.VIDEO_SUFFIXES:
        from face3d_live.takes.export_video import write_video

        write_video(take, out, size, alpha, _progress, None if silent else sound.sidecar_path(path))
    elif suffix == ".glb" and model is not None:
        from face3d_live.takes.default_head import take_glb

        save(out, take_glb(take, _model(model)))
    else:
        formats.save_take(take, out)
    return "\n".join([f"{out}: {len(take)} frames, {take.seconds:.2f} s", *(f"note: {note}" for note in take.notes)])


def _model(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError("missing-model", f"{path} cannot be opened ({error.strerror}): check the path") from error


def _progress(done: int, count: int) -> None:
    import sys

    if sys.stderr.isatty() and (done % 10 == 0 or done == count):
        print(f"\rdrawing {done}/{count}", end="\n" if done == count else "", file=sys.stderr, flush=True)
