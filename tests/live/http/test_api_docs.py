"""docs/api.md and the code say the same: every route and method, and every error code with its status, both ways."""

import ast
import re
from pathlib import Path

from starlette.routing import Route, WebSocketRoute

from face3d_live import errors
from face3d_live.live.http.app import ROUTES
from face3d_live.live.outputs import udp
from face3d_live.reconstruct.advice import REFUSALS, refusal

ROOT = Path(__file__).resolve().parents[3]
DOCS = (ROOT / "docs" / "api.md").read_text()
PACKAGE = ROOT / "face3d_live"

#: What requests can run. Left out is what only commands run.
SERVED = (
    "live",
    "mapping",
    "protocols",
    "avatar",
    "takes",
    "track/calibration.py",
    "track/profile.py",
    "export/params.py",
    "export/png.py",
)
COMMANDS = {
    "live/access.py",
    "live/ice.py",
    "live/main.py",
    "live/limits.py",
    "live/network.py",
    "live/tls.py",
    "live/sessions/source.py",
    "takes/record.py",
    "takes/export_video.py",
    "takes/default_head.py",
}


def section(title: str) -> str:
    """The text below a heading, to the next one of its level."""
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", DOCS, re.M | re.S)[1]


def plain(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


def documented_routes() -> set[tuple[str, str]]:
    """(method, path) of the first column of the table of requests."""
    found, methods = set(), []
    for row in re.findall(r"^\| (`.*?) \|", section("Requests"), re.M):
        for method, path in re.findall(r"`([A-Z]+)(?: (/[^`?]*))?`", row):
            methods.append(method)
            if path:
                found |= {(each, plain(path)) for each in methods}
                methods = []
    return found


def routes() -> set[tuple[str, str]]:
    found = set()
    for route in ROUTES:
        if isinstance(route, WebSocketRoute):
            found.add(("WS", plain(route.path)))
        else:
            assert isinstance(route, Route)
            found |= {(method, plain(route.path)) for method in route.methods - {"HEAD"}}
    return found


def test_every_route_is_documented_and_every_documented_route_exists():
    in_docs = documented_routes() - {("GET", "/")}  # the page's files
    assert in_docs == routes()


def served_files() -> list[Path]:
    files = [
        path for name in SERVED for path in ((PACKAGE / name).rglob("*.py") if "." not in name else [PACKAGE / name])
    ]
    return [path for path in files if path.relative_to(PACKAGE).as_posix() not in COMMANDS]


def runtime_files() -> list[Path]:
    """The packages whose models and libraries the server needs."""
    files = [
        path
        for name in ("head", "regress", "render", "texture", "track", "reconstruct")
        for path in (PACKAGE / name).rglob("*.py")
    ]
    return [path for path in files if "build" not in path.parts]


def raised() -> set[tuple[str, type[errors.Face3DError]]]:
    """(code, class) of every error that a literal code is given to."""
    of_models = (errors.AssetError, errors.GpuLostError)
    return errors_in(served_files()) | {(c, k) for c, k in errors_in(runtime_files()) if k in of_models}


def errors_in(files: list[Path]) -> set[tuple[str, type[errors.Face3DError]]]:
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                kind, code = getattr(errors, node.func.id, None), node.args[0]
                if isinstance(kind, type) and issubclass(kind, errors.Face3DError) and isinstance(code, ast.Constant):
                    found.add((code.value, kind))
    return found


def documented_codes() -> set[tuple[int, str]]:
    """(status, code) of the table of errors."""
    table = re.search(r"^\| status \| codes \|\n(.*?)\n\n", section("Requests"), re.M | re.S)[1]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", table, re.M)
    return {(int(status), code) for status, codes in rows for code in re.findall(r"`([a-z0-9-]+)`", codes)}


def test_every_code_is_documented_with_its_status_and_every_documented_code_exists():
    codes = {(kind.status, code) for code, kind in raised() if kind is not errors.OutputError}
    codes |= {
        (503, f"{model}-{trouble}") for model in ("head", "albedo") for trouble in ("missing", "broken")
    }  # arrays
    codes |= {(refusal(code).status, code) for code in photo_codes()}
    assert documented_codes() == codes


#: Refusals of files, folders and videos, which only commands read.
NOT_SERVED = {
    "bad-topology", "empty-video", "missing-video", "no-file", "no-photos", "no-such-expression", "not-a-video",
    "not-written",
    "process-died", "too-many-photos",
}  # fmt: skip


def photo_codes() -> set[str]:
    assert REFUSALS.keys() >= NOT_SERVED
    return REFUSALS.keys() - NOT_SERVED


def test_what_a_failing_output_can_say_is_documented():
    codes = {code for code, kind in raised() if kind is errors.OutputError}
    codes |= {code for code, _ in udp.SYSTEM_ERRORS.values()}
    states = re.search(r"`failing`, with what failed last(.*?)\.\n?", section("Outputs and mappings"), re.S)[1]
    assert set(re.findall(r"`([a-z-]+)`", states)) - {"error"} == codes
