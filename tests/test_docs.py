"""The documentation is true where a machine can tell: its links, paths, commands and blocks of code."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import docs_support as docs
import pytest
import typer
from docs_support import PAGES, ROOT

import face3d_live
from face3d_live.cli.app import app
from face3d_live.cli.examples import EXAMPLES
from face3d_live.live.limits import Limits
from face3d_live.takes import record

CLI = typer.main.get_command(app)
SAMPLE = ROOT / "web_client" / "sample" / "sample.mp4"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


# --- links and paths ----------------------------------------------------------------------------------------------


def broken(target: str, page: Path) -> str | None:
    """What is wrong with a link of a page, None for nothing. Other servers are not asked."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None if parts.scheme in ("https", "mailto") else "only https goes elsewhere"
    at = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not at.exists():
        return "there is no such file"
    if ROOT not in at.parents:
        return "it leads out of the repository"
    if parts.fragment and at.suffix == ".md" and unquote(parts.fragment) not in docs.anchors(at.read_text("utf-8")):
        return "the page has no such heading"
    return None


@each_page
def test_links_lead_somewhere(page):
    wrong = {target: why for target in docs.links(page.read_text("utf-8")) if (why := broken(target, page))}
    assert not wrong


FOLDERS = ("bench", "docs", "examples", "face3d_live", "models", "scripts", "shaders", "tests", "web_client", ".github")
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\w/?")


@each_page
def test_paths_that_are_named_are_there(page):
    """`face3d_live/live/main.py` in backticks: files move, and pages stay behind."""
    named = [code for code in docs.inline_code(page.read_text("utf-8")) if _PATH.fullmatch(code)]
    assert not [path for path in named if not (ROOT / path).exists()]


@each_page
def test_reference_pages_name_what_there_is(page):
    """`::: face3d_live.Camera` is replaced by the docstrings when the site is built."""
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text("utf-8"), re.M):
        module, _, what = name.rpartition(".")
        documented = getattr(importlib.import_module(module), what)
        assert documented.__doc__, name


def test_the_reference_has_the_whole_public_interface():
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: face3d_live\.(\w+)$", pages, re.M))
    assert shown == set(face3d_live.__all__) - {"ARKIT", "__version__"}


def test_the_reader_of_links_sees_all_kinds():
    text = (
        '# One `two` [three](x.md)!\n## Same\n## Same\n<a id="here"></a>\n'
        '[a](a.md#b "t") ![p](<p.png>) [r]: no\n\n[r]: r.md\n`[c](code.md)`\n```sh\n# no heading\n[d](d.md)\n```\n'
        '<img src="i.png"> [![badge](b.svg)](l.md)\n'
    )
    assert sorted(docs.links(text)) == ["a.md#b", "b.svg", "i.png", "l.md", "p.png", "r.md", "x.md"]
    assert docs.anchors(text) == {"one-two-three", "same", "same-1", "here"}


def test_a_wrong_link_is_found(tmp_path):
    page = ROOT / "docs" / "api.md"
    assert broken("nowhere.md", page) == "there is no such file"
    assert broken("takes.md#nothing", page) == "the page has no such heading"
    assert broken("../../elsewhere", page) == "there is no such file"
    assert broken("../..", page) == "it leads out of the repository"
    assert broken("http://example.org", page) == "only https goes elsewhere"
    assert broken("takes.md#record", page) is None and broken("#outputs-and-mappings", page) is None


#: Row of ARCHITECTURE.md's table of bounds -> the constants of face3d_live.live, or fields of `Limits`, that it names.
BOUNDS = {
    "sessions": ["limits.sessions", "limits.no_picture_seconds", "limits.frozen_seconds"],
    "connections": ["limits.connections", "limits.connections_per_address", "limits.header_seconds",
                    "limits.write_seconds"],
    "requests that need a process": ["limits.requests", "limits.requests_per_address"],
    "bytes of uploads in memory": ["limits.upload_bytes / 1000000"],
    "tasks that wait for a process": ["worker.process.MAX_WAITING"],
    "a take": ["limits.take_bytes / 1000000000", "limits.free_bytes / 1000000"],
    "data channel": ["webrtc.data_channel.MAX_BUFFERED / 1024"],
    "expression stream": ["stream.hub.MAX_CLIENTS", "stream.hub.QUEUE", "stream.hub.STUCK_SECONDS"],
    "viewers (`/view`)": ["sessions.viewers.MAX_VIEWERS"],
    "outputs": ["outputs.manager.MAX_OUTPUTS"],
    "recording": ["recording.recorder.MAX_FRAMES", "recording.recorder.MAX_PICTURES", "recording.recorder.MAX_CHUNKS"],
    "uploads of photos": ["http.studio_routes.MAX_PHOTO_BYTES / 1048576", "limits.photo_seconds"],
    "uploads of avatars": ["limits.avatar_seconds"],
    "photos that wait": ["studio.jobs.MAX_WAITING", "studio.jobs.MAX_WAITING_EACH"],
    "photos kept": ["studio.photos.MAX_PHOTOS", "studio.photos.MAX_BYTES / 1048576"],
    "results kept": ["studio.jobs.MAX_RESULTS", "studio.jobs.MAX_RESULT_BYTES / 1000000"],
    "studio views": ["studio.view.MAX_VIEWS"],
}  # fmt: skip


@pytest.mark.parametrize("what", BOUNDS)
def test_the_bounds_that_are_told_are_those_of_the_code(what):
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| {what} |"))
    for constant in BOUNDS[what]:
        path, _, divisor = constant.partition(" / ")
        module, _, name = path.rpartition(".")
        owner = Limits() if module == "limits" else importlib.import_module(f"face3d_live.live.{module}")
        value = getattr(owner, name) / int(divisor or 1)
        assert re.search(rf"(?<!\d){value:.0f}(?!\d)", row), f"{constant} is {value:g}"


def test_every_limit_is_in_the_table_with_its_value():
    rows = (ROOT / "docs" / "security.md").read_text("utf-8").splitlines()
    for one in dataclasses.fields(Limits):
        value = f"{one.default:.0f}"
        assert f"| `{one.name}` | {value} | {one.metadata['what']} |" in rows, f"{one.name}, {value}"


# --- commands -----------------------------------------------------------------------------------------------------


def misread(arguments: list[str], whole: bool) -> str | None:
    """What the command line says of these arguments, None for nothing. whole: nothing may be missing.

    The arguments are parsed by the real commands, none of which runs.
    """
    command, context = CLI, None
    try:
        while True:
            context = command.make_context(command.name or "face3d-live", list(arguments), parent=context)
            if not hasattr(command, "resolve_command"):
                return None
            rest = [*context._protected_args, *context.args]
            if not rest:
                return "a command is missing" if whole else None
            _, command, arguments = command.resolve_command(context, rest)
    except Exception as error:
        # By name: Typer brings a Click of its own along, or uses the one that is installed, as its version goes.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "Exit" in kinds:  # --help
            return None
        if "NoArgsIsHelpError" in kinds:
            return "a command is missing" if whole else None
        if kinds & {"MissingParameter", "BadOptionUsage"} and not whole:  # BadOptionUsage: an option's value is missing
            return None
        if "UsageError" in kinds:
            message: Any = error
            return str(message.format_message())
        raise


def program(words: list[str]) -> list[str] | None:
    """The arguments of face3d-live that a command gives it, None for another program's command."""
    while words and re.fullmatch(r"\w+=\S*|sudo|nice|time", words[0]):
        words = words[1:]
    match words:
        case ["face3d-live", *rest]:
            return rest
        case [python, "-m", "face3d_live", *rest] if "python" in python:
            return rest
        case ["python" | "python3", "run_live.py", *rest] | ["run_live.py", *rest]:
            return ["live", *rest]
        case ["make", "live", *rest]:
            given = [word.removeprefix("ARGS=") for word in rest if word.startswith("ARGS=")]
            return ["live", *" ".join(given).split()]
    return None


def optional_parts(code: str) -> str:
    """A synopsis as a command: brackets and dots are typography."""
    return re.sub(r"\s*\.\.\.", "", re.sub(r"[\[\]]", "", code))


def shell_lines(page: Path) -> Iterator[tuple[str, bool]]:
    """(line, whether it is whole) of a page's shell blocks and inline code."""
    text = page.read_text("utf-8")
    for block in docs.blocks(text):
        if block.language in ("sh", "shell", "bash", "console"):
            yield from ((line, True) for line in docs.logical_lines(block.text))
    yield from ((optional_parts(code), False) for code in docs.inline_code(text))


@each_page
def test_commands_are_understood_by_the_command_line(page):
    wrong = {}
    for line, whole in shell_lines(page):
        for words in docs.commands(line):
            arguments = program(words)
            if arguments is not None and (why := misread(arguments, whole)):
                wrong[line] = why
    assert not wrong


def test_the_examples_of_the_help_are_understood():
    wrong = {line: why for lines in EXAMPLES.values() for line in lines if (why := misread(line.split()[1:], True))}
    assert not wrong


@each_page
def test_scripts_and_targets_that_are_called_are_there(page):
    wrong = []
    for line, _ in shell_lines(page):
        for words in docs.commands(line):
            match words:
                case ["make", *targets]:
                    known = [t for t in targets if "=" not in t]
                    wrong += [line for target in known if not re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M)]
                case ["python" | "python3" | "sh" | ".venv/bin/python", path, *options] if path.endswith(
                    (".py", ".sh")
                ):
                    wrong += unknown_options(ROOT / path, options, line)
                case [path, *options] if path.startswith(("scripts/", "./scripts/")):
                    wrong += unknown_options(ROOT / path, options, line)
                case ["python" | "python3", "-m", module, *_] if module.startswith("face3d_live"):
                    at = ROOT / module.replace(".", "/")
                    wrong += [] if at.with_suffix(".py").is_file() or (at / "__main__.py").is_file() else [line]
    assert not wrong


def unknown_options(script: Path, options: list[str], line: str) -> list[str]:
    """The line, where the script is not there or nowhere spells an option that it is given."""
    if script.name == "run_live.py":
        return []
    if not script.is_file():
        return [line]
    source = script.read_text("utf-8")
    return [line for option in options if option.startswith("--") and option.partition("=")[0] not in source]


def options_of(command) -> set[str]:
    """Every option of a command and of those below it."""
    found = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    return found.union(*(options_of(below) for below in getattr(command, "commands", {}).values()))


@each_page
def test_options_that_are_named_alone_are_there(page):
    """`--seen` in backticks: of the command line, or of a script or benchmark."""
    known = options_of(CLI)
    scripts = [path for folder in ("bench", "scripts") for path in (ROOT / folder).iterdir() if path.is_file()]
    sources = "".join(path.read_text("utf-8") for path in scripts)
    named = {
        code.split()[0].partition("=")[0] for code in docs.inline_code(page.read_text("utf-8")) if code[:2] == "--"
    }
    assert not [name for name in named if name not in known and name not in sources]


def test_the_reader_of_commands_finds_what_is_wrong():
    assert misread(["track", "a.mp4", "-o", "a.npz"], whole=True) is None
    assert "--nonsense" in (misread(["track", "a.mp4", "-o", "a.npz", "--nonsense"], whole=False) or "")
    assert "dance" in (misread(["dance"], whole=False) or "")
    assert "twirl" in (misread(["takes", "twirl"], whole=False) or "")
    assert misread(["track", "a.mp4"], whole=True) and misread(["track", "a.mp4"], whole=False) is None
    assert misread(["reconstruct", "a.jpg", "-o", "a", "--mesh", "enormous"], whole=False)
    assert misread(["live", "--port"], whole=True) and misread(["live", "--port"], whole=False) is None
    assert misread([], whole=True) and misread(["takes"], whole=True)
    assert list(docs.commands("cd a && X=1 face3d-live track 'b c' | tee d; true # no")) == [
        ["cd", "a"], ["X=1", "face3d-live", "track", "b c"], ["tee", "d"], ["true"],
    ]  # fmt: skip
    assert program(["X=1", "face3d-live", "track"]) == ["track"]
    assert program(["make", "live", "ARGS=--port 9000"]) == ["live", "--port", "9000"]
    assert optional_parts("face3d-live live [--output URL ...]") == "face3d-live live --output URL"


# --- blocks of code -----------------------------------------------------------------------------------------------


def code_blocks(*languages: str) -> list:
    return [
        pytest.param(block, id=f"{name_of(page)}:{block.line}")
        for page in PAGES
        for block in docs.blocks(page.read_text("utf-8"))
        if block.language in languages
    ]


@pytest.mark.parametrize("block", code_blocks("python", "py"))
def test_python_compiles(block):
    compile(block.text, "block", "exec")


@pytest.mark.parametrize("block", code_blocks("json"))
def test_json_parses(block):
    """One value, or one a line; `[52 numbers]` stands for a list."""
    text = re.sub(r"\[\d+ numbers\]", "[]", block.text)
    try:
        json.loads(text)
    except ValueError:
        for line in text.splitlines():
            json.loads(line)


@pytest.mark.parametrize("block", code_blocks("toml"))
def test_toml_parses(block):
    tomllib.loads(block.text)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with what examples name: clip.mp4, half a second of a face; photo.jpg, its first picture; take.jsonl."""
    folder = tmp_path_factory.mktemp("desk")
    with av.open(str(SAMPLE)) as sample, av.open(str(folder / "clip.mp4"), "w") as clip:
        source = sample.streams.video[0]
        stream = clip.add_stream("libx264", rate=source.average_rate)
        stream.width, stream.height, stream.pix_fmt = source.width, source.height, "yuv420p"
        for frame in itertools.islice(sample.decode(source), 12):
            if frame.pts == 0:
                frame.to_image().save(folder / "photo.jpg", quality=95)
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), "yuv420p")))
        clip.mux(stream.encode())
    record.record(str(folder / "clip.mp4"), folder / "take.jsonl", None, face3d_live.Tracker.load())
    return folder


def programs() -> list:
    """A page's runnable blocks, one after the other, are one program."""
    found = []
    for page in PAGES:
        runnable = [block.text for block in docs.blocks(page.read_text("utf-8")) if block.runnable]
        if runnable:
            found.append(pytest.param("\n".join(runnable), id=name_of(page)))
    return found


@pytest.mark.parametrize("source", programs())
@pytest.mark.slow
def test_runnable_python_runs(source, desk):
    done = subprocess.run([sys.executable, "-c", source], cwd=desk, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
