"""Nothing of the program talks to anybody but this machine and whom the user named: every process, and every command.

An audit hook in a `sitecustomize` module, which Python imports in every process that a command starts, notes each
connection, datagram and name look-up. What libraries do beside Python's sockets is seen by strace where there is one.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from itertools import islice
from pathlib import Path

import av
import pytest
import video_support
from PIL import Image
from takes_support import frames, write
from waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "web_client" / "sample" / "sample.mp4"
HOOK = """
import ipaddress, json, os, sys

def _local(host):
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host in ("localhost", "", "None"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False

def _watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        to = arguments[1]
        far = isinstance(to, tuple) and not _local(to[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        to = arguments[0]
        far = not _local(to[0] if isinstance(to, tuple) else to)
    elif event == "urllib.Request":
        to, far = arguments[0], True
    else:
        return
    if far:
        line = json.dumps([os.getpid(), sys.argv[:3], event, repr(to)]) + "\\n"
        file = os.open(os.environ["WATCH_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)

def _count():
    open(os.environ["WATCH_FILE"] + ".processes", "a").write(f"{os.getpid()}\\n")

sys.addaudithook(_watch)  # forked processes keep it
os.register_at_fork(after_in_child=_count)
_count()
"""
#: Runs command lines in one process, which loads libraries once.
COMMANDS = """
import json, sys
from face3d_live.cli.app import app

for line in json.loads(sys.argv[1]):
    if code := app(line, standalone_mode=False):
        sys.exit(f"{line}: {code}")
"""


class Watch:
    """Runs commands under the hook. `seen`: what others could notice of them. `processes`: how many there were."""

    def __init__(self, folder: Path) -> None:
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(HOOK)
        self.home, self._file = folder / "home", folder / "seen"
        self.home.mkdir()
        self.environment = {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "WATCH_FILE": str(self._file),
            "PYTHONPATH": f"{folder / 'hook'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.strace = [
            shutil.which("strace"),
            "-f",
            "-qq",
            "--seccomp-bpf",
            "-e",
            "trace=connect,sendto,sendmsg,sendmmsg",
            "-o",
        ]
        self._traces: list[Path] = []

    def command(self, *arguments: str, traced: bool = False) -> list[str]:
        plain = [sys.executable, *arguments]
        if not traced or self.strace[0] is None or not _can_trace():
            return plain
        trace = self._file.with_name(f"trace{len(self._traces)}")
        self._traces.append(trace)
        return [*map(str, self.strace), str(trace), *plain]

    def run(self, *arguments: str) -> None:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self.environment, timeout=280, cwd=self.home
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def commands(self, *lines: list[str]) -> None:
        self.run("-c", COMMANDS, json.dumps(lines))

    @property
    def processes(self) -> int:
        return len(self._file.with_name("seen.processes").read_text().split())

    @property
    def seen(self) -> list[str]:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        for trace in self._traces:
            lines += [line for line in trace.read_text(errors="replace").splitlines() if _is_far(line)]
        return lines


def _can_trace() -> bool:
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


def _is_far(line: str) -> bool:
    """Whether a line of strace names an Internet address that is not the loopback's."""
    found = re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', line)
    return any(not (v4 or v6).startswith(("127.", "::1", "::ffff:127.")) for v4, v6 in found)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_the_watch_sees_what_it_looks_for(watch):
    deed = "import socket, contextlib, multiprocessing as m\n"
    for call in (
        "s.connect(('192.0.2.9', 9))",
        "s.sendto(b'x', ('192.0.2.9', 9))",
        "socket.getaddrinfo('x.invalid', 9)",
    ):
        code = deed + f"s = socket.socket(type=socket.SOCK_DGRAM)\nwith contextlib.suppress(OSError): {call}"
        watch.run("-c", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}])")
    assert len(watch.seen) == 3 and watch.processes == 6
    assert _is_far('7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}, 16) = 0')
    assert not _is_far('7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}, 16) = 0')
    watch.run("-c", deed + "s = socket.socket(type=socket.SOCK_DGRAM)\ns.connect(('127.0.0.1', 9))")
    assert len(watch.seen) == 3


@pytest.mark.slow
def test_no_command_talks_to_anybody(watch, tmp_path):
    """Every command line that runs without data to learn from."""
    take = str(write(tmp_path / "one.jsonl", frames(12)))
    with av.open(str(SAMPLE)) as source:
        pictures = [frame.to_ndarray(format="rgb24") for frame in islice(source.decode(video=0), 12)]
    Image.fromarray(pictures[0]).save(tmp_path / "me.png")
    video_support.write(tmp_path / "talk.mp4", pictures)
    talk = str(tmp_path / "talk.mp4")
    watch.commands(
        ["--help"],
        ["reconstruct", str(tmp_path / "me.png"), "-o", "me", "--mesh", "low", "--texture", "512"],
        ["render", "me/params.npz", "-o", "open.png"],
        ["track", talk, "-o", "talk.npz"],
        ["record", "--source", talk, "-o", "talk.jsonl"],
        ["takes", "info", take],
        *(["takes", "export", take, "-o", f"one{suffix}"] for suffix in (".csv", ".bvh", ".npz", ".vrma", ".glb")),
        ["play", take, "--port", "0"],
    )
    assert watch.seen == []
    for path in watch.home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, f"{path} is not its owner's alone"


@pytest.mark.slow
def test_no_process_of_the_server_talks_to_anybody(watch, tmp_path):
    """Server, engine, worker and studio, with a source, an output, a snapshot, a photo and a recording."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with av.open(str(SAMPLE)) as source:
        pictures = [frame.to_ndarray(format="rgb24") for frame in islice(source.decode(video=0), 0, None, 6)]
    clip = str(video_support.write(tmp_path / "slow.mp4", pictures, rate=5))
    server = ["-m", "face3d_live", "live", "--port", str(port), "--source", clip, "--device", "cpu"]
    server += ["--limit", "picture=256"]
    command = watch.command(*server, "--output", "osf://127.0.0.1:39541", traced=True)
    process = subprocess.Popen(command, env=watch.environment, cwd=watch.home, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    base = f"http://127.0.0.1:{port}"

    def ask(path, method="GET", body=None, kind="application/json"):
        request = urllib.request.Request(base + path, body, {"Content-Type": kind} if body else {}, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    try:
        assert process.stdout is not None
        while "open http" not in (line := process.stdout.readline()):
            assert line, "the server ended"
        session = json.loads(ask("/api/sessions"))["sessions"][0]["session"]
        wait_until(lambda: json.loads(ask(f"/api/sessions/{session}"))["face"])
        ask(f"/api/sessions/{session}/recording", "POST", b'{"action": "start", "render": true}')
        ask(f"/api/sessions/{session}/snapshot?keep=true", "POST")
        picture = ask(f"/api/sessions/{session}/avatar.jpg")
        form = (
            b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
            + picture
            + b"\r\n--b--\r\n"
        )
        ask("/api/faces", "POST", form, "multipart/form-data; boundary=b")
        ask(f"/api/sessions/{session}/recording", "POST", b'{"action": "stop"}')
        ask("/api/phone")
    finally:
        os.killpg(process.pid, signal.SIGINT)  # strace passes none on
        process.communicate(timeout=60)
    assert watch.processes >= 4, "engine, worker and studio are processes of their own"
    assert watch.seen == []
    wrote = [path for path in watch.home.rglob("*") if path.is_file()]
    assert wrote and all(path.stat().st_mode & 0o077 == 0 for path in watch.home.rglob("*"))
    assert all(path.is_relative_to(watch.home / name) for path in wrote
               for name in (".cache" if ".cache" in path.parts else ".local",))  # fmt: skip
