"""The packages' order: each imports only what stands before it, so that no import cycle can exist between them."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "face3d_live"

#: Lowest first. Modules of a folder belong to the folder's room; those named here are rooms by themselves.
ROOMS = (
    # values and small tools
    "version", "typing", "text", "errors", "paths", "files", "checks", "strict_json", "arrays", "codes", "rotations",
    "camera", "lighting", "raster", "video",
    # formats, without sockets and threads
    "protocols", "mapping", "avatar",
    # the core: codes from pixels, pictures and files from codes
    "head", "regress", "track", "render", "texture", "export", "reconstruct", "takes",
    # the live server
    "live.log_limiter", "live.logs", "live.child_process", "live.limits", "live.supervisor",
    "live.rate_limiter", "live.frame_rate", "live.hosts", "live.access", "live.ice", "live.tls", "live.network",
    "live.engine", "live.worker", "live.stream", "live.outputs", "live.metrics", "live.recording", "live.sessions",
    "live.takes", "live.studio", "live.webrtc", "live.service", "live.http", "live.main",
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


def imports(module: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The package's modules that a module imports, also in functions and for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
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


def test_only_entry_points_import_the_live_server() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, target in edges()
        if target.startswith("live.") and not module.startswith("live.") and room(module) not in ENTRY_POINTS
    ]
    assert not wrong, "\n".join(wrong)


def test_the_order_would_notice_a_cycle() -> None:
    place = ROOMS.index
    assert place("takes") < place("live.takes") and place("live.outputs") < place("live.sessions") < place("live.http")
    assert room("live.takes.player") == "live.takes" and room("head.build.measure") == "head.build"
    assert room("takes.model") == "takes" and "ROOMS" in room("somewhere.new")
