"""The packages' order: each imports only what stands before it, so that no import cycle can exist between them.

Also what the tests themselves keep to: no sleeps, no private names.
"""

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "face3d_live"

#: Lowest first. Modules of a folder belong to the folder's room; those named here are rooms by themselves.
ROOMS = (
    # values and small tools
    "version", "typing", "text", "errors", "paths", "files", "checks", "strict_json", "arrays", "codes",
    "hex_colour", "hairstyle", "eyewear", "styling",
    "rotations", "camera", "lighting", "raster", "triangles", "nearest", "splines", "video",
    # formats, without sockets and threads
    "protocols", "mapping", "avatar",
    # the core: codes from pixels, pictures and files from codes
    "head", "regress", "track", "render", "texture", "export", "reconstruct", "takes",
    # the live server
    "live.log_limiter", "live.logs", "live.child_process", "live.limits", "live.supervisor",
    "live.rate_limiter", "live.frame_rate", "live.hosts", "live.access", "live.ice", "live.tls", "live.network",
    "live.engine", "live.worker", "live.stream", "live.outputs", "live.metrics", "live.recording", "live.sessions",
    "live.takes", "live.studio", "live.webrtc", "live.video_device", "live.virtual_camera", "live.service", "live.http",
    "live.main",
    # several machines, by Ray
    "cluster",
    # what makes the models, never imported at run time
    "head.build", "texture.build", "train",
    # entry points
    "cli", "__main__",
)  # fmt: skip
BUILD_TIME = {"head.build", "texture.build", "train"}
ENTRY_POINTS = {"cli", "__main__"}


def modules() -> dict[str, Path]:
    """Dotted name below the package -> file. The package's own `__init__`, the lazy public API, is left out."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        if name != "__init__" and path.stat().st_size:
            found[name] = path
    return found


def room(module: str) -> str:
    """The longest entry of `ROOMS` that the module is or lies in."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in ROOMS), f"{module}, which ROOMS does not name")


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports(module: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The package's modules that a module imports, also in functions and for types only."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            below = name.removeprefix("face3d_live.")
            if below != name:
                found.add(below if below in known else below.rpartition(".")[0])
    return found - {""}


@functools.cache
def edges() -> list[tuple[str, str]]:
    """(importing, imported) modules."""
    known = modules()
    return [(module, target) for module, path in known.items() for target in imports(module, path, known)]


def test_every_room_imports_only_what_stands_before_it() -> None:
    place = {name: i for i, name in enumerate(ROOMS)}
    wrong = []
    for module, target in edges():
        here, there = room(module), room(target)
        if here != there and place.get(there, len(ROOMS)) >= place.get(here, -1):
            wrong.append(f"{module} imports {target}: {here} stands before {there}")
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_room_and_every_room_a_module() -> None:
    assert {room(module) for module in modules()} == set(ROOMS)


def test_run_time_packages_import_nothing_of_build_time() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, target in edges()
        if room(target) in BUILD_TIME and room(module) not in BUILD_TIME | ENTRY_POINTS
    ]
    assert not wrong, "\n".join(wrong)


def test_only_entry_points_and_the_cluster_import_the_live_server() -> None:
    above = ENTRY_POINTS | {"cluster"}
    wrong = [
        f"{module} imports {target}"
        for module, target in edges()
        if target.startswith("live.") and not module.startswith("live.") and room(module) not in above
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_but_the_cluster_knows_ray() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in foreign_imports(path)
        if name.partition(".")[0] in ("ray", "aiohttp", "pyarrow") and room(module) != "cluster"
    ]
    assert not wrong, "\n".join(wrong)
    assert "ray" in foreign_imports(PACKAGE / "cluster" / "controller.py")


def foreign_imports(path: Path) -> set[str]:
    """All that a file imports, also in functions."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_only_entry_points_import_the_cluster() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, target in edges()
        if room(target) == "cluster" and room(module) not in ENTRY_POINTS | {"cluster"}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_order_would_notice_a_cycle() -> None:
    place = ROOMS.index
    assert place("takes") < place("live.takes") and place("live.outputs") < place("live.sessions") < place("live.http")
    assert room("live.takes.player") == "live.takes" and room("head.build.measure") == "head.build"
    assert room("takes.model") == "takes" and "ROOMS" in room("somewhere.new")


# --- the tests --------------------------------------------------------------------------------------------------------

#: The only one that waits for time to pass.
WAITING = "support/waiting.py"
#: Private names of other packages: what the server overrides in aiortc is tested by taking it away, Click tells the
#: arguments that are left nowhere else, a browser vanishes by closing aioice's sockets, and `_exit` is how a process
#: dies without saying goodbye.
FOREIGN = {
    "live/webrtc/test_aiortc_patches.py": {"_encode_frame"},
    "live/webrtc/test_media.py": {"_data"},
    "live/sessions/test_endings.py": {"_connection", "_protocols"},
    "support/live_fakes.py": {"_exit"},
    "support/poison.py": {"_exit"},
    "support/studio_fakes.py": {"_exit"},
    "test_docs.py": {"_protected_args"},
}
#: Functions that take the name of an attribute, or a dotted path, as text.
BY_NAME = {"setattr", "getattr", "delattr", "hasattr"}


def in_tests(find: Callable[[ast.AST], Iterator[str]]) -> list[tuple[str, str]]:
    """(file, what was found) of every node of every test."""
    return [
        (path.relative_to(TESTS).as_posix(), found)
        for path in sorted(TESTS.rglob("*.py"))
        for node in nodes(path)
        for found in find(node)
    ]


def sleeps(node: ast.AST) -> Iterator[str]:
    """Calls of `sleep` and of Playwright's `wait_for_timeout`; `asyncio.sleep(0)` only lets other tasks run."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        yields = [ast.unparse(argument) for argument in node.args] == ["0"]
        if name == "wait_for_timeout" or (name == "sleep" and not yields):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def private_names(node: ast.AST) -> Iterator[str]:
    """Names with one leading underscore of what is not the code's own `self` or `cls`."""
    names: list[str] = []
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
        names = [node.attr]
    elif isinstance(node, ast.ImportFrom):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
        texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        names = [part for text in texts for part in text.split(".")]
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith(".__dict__"):
        names = [str(node.slice.value)] if isinstance(node.slice, ast.Constant) else []
    yield from (name for name in names if name.startswith("_") and not name.startswith("__"))


def test_no_test_sleeps() -> None:
    assert [(file, found) for file, found in in_tests(sleeps) if file != WAITING] == []
    waiting = ast.parse("time.sleep(0.1)\nasyncio.sleep(x)\npage.wait_for_timeout(1)\nasyncio.sleep(0)")
    assert len([found for node in ast.walk(waiting) for found in sleeps(node)]) == 3


def test_no_test_uses_private_names() -> None:
    assert [(file, name) for file, name in in_tests(private_names) if name not in FOREIGN.get(file, ())] == []
    peeping = ast.parse("a._b\nfrom c import _d\npatch.setattr(e, '_f', 1)\npatch.setattr('g._h', 1)\ni.__dict__['_j']")
    assert {name for node in ast.walk(peeping) for name in private_names(node)} == {"_b", "_d", "_f", "_h", "_j"}
