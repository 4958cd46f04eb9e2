"""What a package index and a stranger's pip see: the version, the bounds of the dependencies, the declared imports."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import face3d_live

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: What is imported under another name than it is installed by.
INSTALLED_AS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "prometheus_client": "prometheus-client",
    "pythonosc": "python-osc",
    "tomli_w": "tomli-w",
}


def script(name: str) -> ModuleType:
    """A module of scripts/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lower_bounds = script("lower_bounds")


@pytest.mark.parametrize(
    ("requirement", "constraint"),
    [
        ("numpy>=2.0", "numpy==2.0"),
        ("av >= 17.1, < 19", "av==17.1"),
        ("av<19,>=17.1", "av==17.1"),
        ("mkdocstrings[python]>=0.30", "mkdocstrings==0.30"),
        ("a-b_c.d~=1.4", "a-b_c.d==1.4"),
        ("exact==1.2.post1", "exact==1.2.post1"),
        ('winloop>=0.1; sys_platform == "win32"', 'winloop==0.1 ; sys_platform == "win32"'),
    ],
)
def test_a_requirement_is_held_at_its_lower_bound(requirement, constraint):
    assert lower_bounds.lower_bound(requirement) == constraint


@pytest.mark.parametrize("requirement", ["numpy", "numpy<3", "numpy>2", "numpy>=1,>=2", "name @ https://x.y/z.whl", ""])
def test_a_requirement_without_a_lower_bound_is_refused(requirement):
    with pytest.raises(ValueError, match="lower bound"):
        lower_bounds.lower_bound(requirement)


def test_constraints_hold_the_extras_that_are_asked_for():
    text = '[project]\ndependencies=["b>=1", "a>=2"]\n[project.optional-dependencies]\nx=["c>=3", "b>=1"]\ny=["b>=2"]\n'
    assert lower_bounds.constraints(text) == ["a==2", "b==1"]
    assert lower_bounds.constraints(text, ["x"]) == ["a==2", "b==1", "c==3"]
    with pytest.raises(ValueError, match="two lower bounds of b"):
        lower_bounds.constraints(text, ["y"])
    with pytest.raises(ValueError, match="no extra is called 'z'; there are x, y"):
        lower_bounds.constraints(text, ["z"])


def test_every_dependency_of_this_project_has_a_lower_bound(capsys):
    extras = [argument for extra in PROJECT["optional-dependencies"] for argument in ("--extra", extra)]
    assert lower_bounds.main(extras) == 0
    assert "numpy==" in capsys.readouterr().out


def test_the_version_is_written_once_and_the_changelog_knows_it():
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    released = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert released[0] == face3d_live.__version__
    assert released == sorted(released, key=lambda text: [int(part) for part in text.split(".")], reverse=True)


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of the absolute imports, wherever they stand."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in names}


@pytest.mark.slow
def test_everything_that_is_imported_is_declared():
    """Also what another dependency brings along today: it may stop doing so."""
    optional = [name for names in PROJECT["optional-dependencies"].values() for name in names]
    declared = {
        lower_bounds.lower_bound(name).partition("==")[0].lower() for name in [*PROJECT["dependencies"], *optional]
    }
    ours = set(sys.stdlib_module_names) | {"face3d_live"}
    for path in sorted((ROOT / "face3d_live").rglob("*.py")):
        used = imported(ast.parse(path.read_text("utf-8"))) - ours
        missing = {INSTALLED_AS.get(name, name).lower() for name in used} - declared
        assert not missing, f"{path.relative_to(ROOT)} imports {missing}, which pyproject.toml does not name"
