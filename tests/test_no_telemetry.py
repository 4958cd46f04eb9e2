"""OpenVINO brings a telemetry package: loading and running the network looks up no name, connects to nothing, and
writes nothing but its cache folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import json, os, sys
events = []

def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__",):
        events.append([event, repr(arguments)])
    elif event == "open":
        path, mode, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and isinstance(path, (str, bytes)):
            events.append([event, os.fsdecode(path)])
    elif event in ("os.mkdir", "os.rename", "os.symlink", "os.truncate", "subprocess.Popen", "os.system", "os.fork"):
        events.append([event, os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else repr(arguments)])

sys.addaudithook(watch)
"""
RUN = """
import numpy as np
from face3d_live.regress.runtime import Regressor
for _ in range(2):  # from the weights, then from the cache
    Regressor.load("cpu").predict(np.zeros((1, 112, 112, 3), np.uint8))
"""
TELL = """
sockets = [f for f in os.listdir("/proc/self/fd")
           if os.path.islink(p := f"/proc/self/fd/{f}") and os.readlink(p).startswith("socket:")]
telemetry = sorted(n for n, m in sys.modules.items() if n.partition(".")[0] == "openvino_telemetry" and m is not None)
sys.stdout.write("\\n" + json.dumps({"events": events, "sockets": sockets, "telemetry": telemetry}))
"""


def watched(code: str, home: Path) -> dict:
    """What a fresh process with this home folder did that others could notice."""
    home.mkdir()
    root = Path(__file__).resolve().parent.parent
    environment = {"HOME": str(home), "PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", WATCHED + code + TELL]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=240)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_network_tells_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seen = watched(RUN, home)
    cache = home / ".cache" / "face3d-live"
    harmless = ("/dev/null", str(home / ".cache"))
    wrote = [event for event in seen["events"] if not event[1].startswith((str(cache), *harmless))]
    assert not wrote and not seen["sockets"] and not seen["telemetry"]
    files = {path for path in home.rglob("*") if path.is_file()}
    assert files and all(path.is_relative_to(cache) for path in files)


def test_the_watch_sees_what_it_looks_for(tmp_path: Path) -> None:
    deeds = """
import socket
try: socket.getaddrinfo("localhost", 9)
except OSError: pass
open(os.path.expanduser("~/note"), "w").close()
kept = socket.socket()
"""
    seen = watched(deeds, tmp_path / "home")
    assert {name for name, _ in seen["events"]} >= {"socket.getaddrinfo", "open"} and seen["sockets"]
