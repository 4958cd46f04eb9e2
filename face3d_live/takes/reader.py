"""Reading takes, including damaged and truncated ones."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from face3d_live.errors import InputError
from face3d_live.takes.jsonl import MAX_LINE, Decoder
from face3d_live.takes.model import End, Gap, Header, Record, Take, TakeFrame
from face3d_live.text import decoded

#: Nearly three hours at 30 frames a second. Exports of text formats hold about 3 kB a frame.
MAX_FRAMES = 300_000


class TakeReader:
    """An open recording file: `header`, and one pass over its records, in bounded memory.

    An unreadable record is replaced by a `Gap` "damaged". A last record that a crash truncated is dropped. After the
    pass `notes` describes this, and `complete` tells whether the take was closed properly.
    Raises InputError: "missing-take", "not-a-take".
    """

    def __init__(self, path: Path) -> None:
        self.path, self.complete = path, False
        self.notes: list[str] = []
        try:
            self._file = path.open("rb")
        except IsADirectoryError as error:
            raise InputError("not-a-take", f"{path} is a folder: name a take in it") from error
        except OSError as error:
            raise InputError("missing-take", f"{path} cannot be opened ({error.strerror}): check the path") from error
        self._decoder = Decoder()
        try:
            first = self._line()
            if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise ValueError("it is UTF-16 text: save it as UTF-8 in the editor that changed it")
            self.header = self._decoder.header(decoded(first))
        except ValueError as error:
            self._file.close()
            raise not_a_take(path, str(error)) from error

    def __enter__(self) -> TakeReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[TakeFrame | Gap]:
        """Frames and gaps. Times never decrease."""
        bad, cut, last = 0, False, 0.0
        while line := self._line():
            record = self._record(line)
            if record is None and not line.endswith(b"\n"):
                cut = True
            elif record is None:
                bad += 1
                yield Gap(0, "damaged")
            elif isinstance(record, End):
                self.complete = True
            elif isinstance(record, TakeFrame):
                last = max(last, record.t)
                yield (
                    record
                    if record.t == last
                    else TakeFrame(record.number, last, record.face, record.codes, record.camera)
                )
            elif isinstance(record, Gap):
                yield record
        if bad:
            self.notes.append(f"{bad} damaged record{'s were' if bad > 1 else ' was'} left out")
        if cut:
            self.notes.append("the last record was cut off and has been dropped")
        if not self.complete:
            self.notes.append("the take was not closed: its recording was interrupted")

    def _record(self, line: bytes) -> Record | bool | None:
        """A record; True for a line that only sets the state of later ones; None for an unreadable line."""
        if not line.endswith(b"\n"):
            return None  # even if it parses: a number may lack its last digits
        try:
            return self._decoder.record(line.decode()) or True
        except ValueError:
            return None

    def _line(self) -> bytes:
        """The next line. A longer one than this program writes is replaced by an unreadable one."""
        line = self._file.readline(MAX_LINE)
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := self._file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            return b"!\n"
        return line


def not_a_take(path: Path, why: str) -> InputError:
    """The error for a file that is no take."""
    text = f"{path} is no take of face3d-live ({why[:200]}): give a .jsonl or .npz that it has written"
    return InputError("not-a-take", text)


def load(path: Path) -> Take:
    """A whole take from a recording file. Raises InputError: also "take-too-long"."""
    with TakeReader(path) as reader:
        return collect(reader)


def collect(reader: TakeReader) -> Take:
    """All records of a reader as arrays."""
    columns: dict[str, list[np.ndarray]] = {k: [] for k in ("expression", "rotation", "translation", "light")}
    numbers: list[int] = []
    times: list[float] = []
    faces: list[bool] = []
    person: list[int] = []
    people: list[tuple[np.ndarray, np.ndarray]] = []
    gaps: list[tuple[int, Gap]] = []
    camera = None
    for record in reader:
        if isinstance(record, Gap):
            gaps.append((len(times), record))
            continue
        if len(times) >= MAX_FRAMES or len(gaps) > MAX_FRAMES:
            text = f"{reader.path} has more than {MAX_FRAMES:,} frames: take a part of it with face3d-live takes trim"
            raise InputError("take-too-long", text)
        codes = record.codes
        numbers.append(record.number)
        times.append(record.t)
        faces.append(record.face)
        for name, rows in columns.items():
            rows.append(getattr(codes, name))
        if not people or people[-1][0] is not codes.shape or people[-1][1] is not codes.texture:
            people.append((codes.shape, codes.texture))  # the decoder returns the same array until the person changes
        person.append(len(people) - 1)
        camera = camera or record.camera
    if not reader.complete and not times:
        reader.notes.append("it holds no frame")
    t = np.array(times, np.float64)
    return Take(
        header=reader.header,
        number=np.array(numbers, np.int64),
        t=t - (t[0] if len(t) else 0.0),
        face=np.array(faces, bool),
        shapes=np.array([shape for shape, _ in people], np.float32).reshape(-1, 80),
        textures=np.array([texture for _, texture in people], np.float32).reshape(-1, 50),
        person=np.array(person, np.int64),
        camera=camera,
        gaps=tuple(gaps),
        notes=tuple(reader.notes),
        expression=np.array(columns["expression"], np.float32).reshape(-1, 52),
        rotation=np.array(columns["rotation"], np.float32).reshape(-1, 3, 3),
        translation=np.array(columns["translation"], np.float32).reshape(-1, 3),
        light=np.array(columns["light"], np.float32).reshape(-1, 27),
    )


@dataclass(frozen=True)
class TakeSummary:
    """A recording file's header and end. seconds: time of the last frame. frames: None when the take was not closed."""

    header: Header
    seconds: float
    frames: int | None
    bytes: int


def read_summary(path: Path) -> TakeSummary:
    """Header, length and size of a take without reading it all. Raises InputError: "missing-take", "not-a-take"."""
    with TakeReader(path) as reader:
        header = reader.header
    tail = _tail(path)
    frames, seconds = None, 0.0
    decoder = Decoder()
    for line in reversed(tail):
        try:
            record = decoder.record(line.decode())
        except ValueError:
            continue
        if isinstance(record, End):
            frames = record.frames
        elif isinstance(record, TakeFrame):
            seconds = max(record.t, 0.0)
            break
    return TakeSummary(header, seconds, frames, path.stat().st_size)


def _tail(path: Path) -> list[bytes]:
    """The last whole lines of a file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * MAX_LINE))
        return file.read().split(b"\n")[:-1]
