"""What Linux says of a process."""

from __future__ import annotations

from pathlib import Path


def parent_of(pid: int) -> int:
    """The process id of its parent. Raises FileNotFoundError when it is gone."""
    return int(_stat(pid)[1])


def is_alive(pid: int) -> bool:
    """Whether it runs. One that has ended does not, even while nobody has asked for how."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _stat(pid: int) -> list[str]:
    """proc(5), /proc/pid/stat, from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
