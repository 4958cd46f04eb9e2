"""The Ray actor of a worker. It owns a process with a whole live server (`server`), and ends with it.

Two processes, as the loop that moves media shall wait for nothing of Ray's, and the actor answers while that loop
hangs. Neither outlives the other: the server ends when the actor's end of its stdin closes, however that happens; the
actor ends itself when the server does, and Ray starts both again.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast

import ray

import face3d_live
from face3d_live import strict_json
from face3d_live.cluster.options import WorkerOptions
from face3d_live.cluster.worker.server import WorkerConfig

#: From SIGTERM to SIGKILL: recordings are closed, processes end.
STOP_SECONDS = 10.0


class WorkerActor:
    """name: of the worker, the same after a restart."""

    def __init__(self, name: str, secret: str, options: WorkerOptions) -> None:
        self._stopping = False
        host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        self._server = start_server(WorkerConfig(name, secret, host, options))
        line = cast("IO[bytes]", self._server.stdout).readline()
        if not line:
            raise RuntimeError(f"worker {name}: its server did not start, the log says why")
        self._url = f"http://{_bracketed(host)}:{strict_json.loads(line)['port']}"
        threading.Thread(target=self._watch, name="server-watch", daemon=True).start()

    def where(self) -> dict[str, Any]:
        """Where its server is, and what runs it."""
        node = ray.get_runtime_context().get_node_id()
        return {"url": self._url, "node": node, "pid": os.getpid(), "server_pid": self._server.pid}

    def stop(self) -> None:
        """End the server in order."""
        self._stopping = True
        self._server.terminate()
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()

    def _watch(self) -> None:
        self._server.wait()
        if not self._stopping:
            os._exit(1)


def start_server(config: WorkerConfig) -> subprocess.Popen[bytes]:
    """Start a worker's server. Its stdout tells the port; its stdin has to stay open."""
    root = Path(face3d_live.__file__).resolve().parent.parent
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    server = subprocess.Popen(
        [sys.executable, "-m", "face3d_live.cluster.worker.program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    data = pickle.dumps(config)
    stdin = cast("IO[bytes]", server.stdin)
    stdin.write(len(data).to_bytes(4, "little") + data)
    stdin.flush()
    return server


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
