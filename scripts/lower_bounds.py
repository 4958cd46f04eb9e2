#!/usr/bin/env python3
"""Print pip constraints that hold every dependency of pyproject.toml at its lower bound, to test the bounds.

usage: python scripts/lower_bounds.py [--extra NAME]... [PYPROJECT] > lower.txt
       pip install -c lower.txt -e '.[dev]'

Needs nothing but Python, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*(?P<rest>[^;]*)(?P<marker>;.*)?")
_LOWER = re.compile(r"(?:>=|==|~=)\s*([0-9][0-9A-Za-z.!+_-]*)")


def lower_bound(requirement: str) -> str:
    """`numpy>=2.0,<3; python_version > "3.11"` as the constraint `numpy==2.0 ; python_version > "3.11"`.

    Raises ValueError where a requirement has no lower bound.
    """
    match = _NAME.fullmatch(requirement)
    found = _LOWER.findall(match["rest"]) if match else []
    if match is None or len(found) != 1:
        raise ValueError(f"{requirement!r} has no lower bound: write name>=version")
    marker = f" {match['marker'].strip()}" if match["marker"] else ""
    return f"{match[1]}=={found[0]}{marker}"


def constraints(pyproject: str, extras: Iterable[str] = ()) -> list[str]:
    """One constraint a dependency, of the project and of the named extras; pyproject: the file's text.

    Where an extra names a dependency of the project again, both bounds must be the same. Raises ValueError.
    """
    project = tomllib.loads(pyproject)["project"]
    optional = project.get("optional-dependencies", {})
    requirements = list(project["dependencies"])
    for extra in extras:
        if extra not in optional:
            raise ValueError(f"no extra is called {extra!r}; there are {', '.join(sorted(optional))}")
        requirements += optional[extra]
    found = sorted({lower_bound(requirement) for requirement in requirements}, key=str.lower)
    names = [line.partition("==")[0].lower() for line in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two lower bounds of {', '.join(twice)}: keep one")
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pyproject", nargs="?", type=Path, default=ROOT / "pyproject.toml")
    parser.add_argument("--extra", action="append", default=[], help="also this extra's; may be repeated")
    chosen = parser.parse_args(arguments)
    try:
        print("\n".join(constraints(chosen.pyproject.read_text("utf-8"), chosen.extra)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
