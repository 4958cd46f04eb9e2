"""A gateway offers what a server alone does; the program says what is wrong; nothing of Ray is loaded without need."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.routing import Match, Route, WebSocketRoute

from face3d_live.cli.app import app
from face3d_live.cluster import commands, ray_connection, ray_environment
from face3d_live.cluster.gateway import routes, shared_routes
from face3d_live.cluster.options import Size, WorkerOptions
from face3d_live.errors import AssetError
from face3d_live.live.http.app import ROUTES

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "face3d_live" / "cluster"


def test_every_request_of_a_server_alone_is_one_of_a_gateway():
    offered = (*routes.ROUTES, *shared_routes.ROUTES)
    missing = []
    for route in ROUTES:
        assert isinstance(route, Route | WebSocketRoute)
        path = re.sub(r"{[^}]*}", "w012345-ab", route.path)
        socket = isinstance(route, WebSocketRoute)
        for method in ["GET"] if isinstance(route, WebSocketRoute) else set(route.methods or ()) - {"HEAD"}:
            scope = {"type": "websocket" if socket else "http", "path": path, "method": method, "root_path": ""}
            if not any(one.matches(scope)[0] is Match.FULL for one in offered):
                missing.append((method, path))
    assert missing == []


def test_every_code_of_the_cluster_is_documented():
    docs = (ROOT / "docs" / "cluster.md").read_text() + (ROOT / "docs" / "api.md").read_text()
    codes: set[str] = set()
    for path in CLUSTER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
                codes |= {str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant)}
    codes = {code for code in codes if re.fullmatch(r"[a-z]+(-[a-z]+)+", code)}
    assert {"no-cluster", "no-worker", "worker-away", "cluster-away"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in docs] == []


@pytest.mark.slow
def test_one_machine_loads_nothing_of_ray():
    code = "import sys, face3d_live.cli.app, face3d_live.live.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "face3d_live.live.service" in loaded.split()
    assert not {name.partition(".")[0] for name in loaded.split()} & {"ray", "aiohttp", "pyarrow", "pandas"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["live", "--port", "0", "--cluster", "127.0.0.1:1"], "no-cluster"),
        (["live", "--cluster", "127.0.0.1:1", "--device", "cpu", "--source", "0"], "give --device, --source to"),
        (["cluster", "status", "--address", "127.0.0.1:1"], "no-cluster"),
        (["cluster", "head", "--workers", "none"], "bad-option"),
        (["cluster", "head", "--media-ports", "1-2"], "bad-port"),
    ],
)
def test_what_is_wrong_is_said_at_once(arguments, said, capsys):
    assert app(arguments, standalone_mode=False) == 1
    assert said in capsys.readouterr().err


def test_ray_asks_for_a_token_that_only_its_owner_may_read(monkeypatch, tmp_path):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "")  # put back afterwards
        monkeypatch.delenv(name)
    path = tmp_path / "ray" / "token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    ray_environment.prepare()
    assert "RAY_AUTH_MODE" not in os.environ
    ray_environment.make_token()
    assert os.environ["RAY_AUTH_MODE"] == "token" and path.stat().st_mode & 0o777 == 0o600
    token = path.read_text()
    ray_environment.make_token()
    assert len(token) == 64 and path.read_text() == token


def no_cluster(address):
    raise AssetError("no-cluster", "none")


@pytest.mark.slow
def test_ray_tells_nobody_of_its_use(monkeypatch):
    """Every way in which this program starts Ray: by its command, and by joining in."""
    asked = []

    def run(command, env):
        asked.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(commands, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr(ray_connection, "connect", no_cluster)
    commands.join("192.0.2.9:6379", None, gateway_only=True)
    with pytest.raises(AssetError, match="no-cluster"):
        commands.head(WorkerOptions(), Size(), None, 6379, None, dashboard=False)
    assert [command[3] for command, _ in asked] == ["start", "start"]
    for command, environment in asked:
        assert "--disable-usage-stats" in command and environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "--include-dashboard=False" in asked[1][0]
    usage = "from ray._common.usage import usage_lib; print(usage_lib.usage_stats_enabled())"
    code = f"import os; import face3d_live.cluster.ray_connection; {usage}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert said.stdout.split() == ["False"], said.stderr
