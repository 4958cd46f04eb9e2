"""The live server as a program: binds the port, waits for the engine, prints the address, stops on Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn

from face3d_live.errors import Face3DError, InputError
from face3d_live.live.engine.pipeline import Pipeline
from face3d_live.live.hosts import is_loopback, parse_ip, without_brackets
from face3d_live.live.http.app import create_app
from face3d_live.live.http.connections import Connections, raise_descriptor_limit, server_options
from face3d_live.live.limits import parse_limits
from face3d_live.live.log_limiter import LogLimiter
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.live.service import LiveService, Settings
from face3d_live.live.sessions.avatars import load_stored
from face3d_live.live.sessions.source import open_source
from face3d_live.live.studio.view import StudioTasks
from face3d_live.live.takes.playback import Playback
from face3d_live.live.worker import tasks
from face3d_live.regress.choose import OWN
from face3d_live.track.profile import load_profile
from face3d_live.typing import Device, Precision

logger = logging.getLogger(__name__)

#: Connections that are still open so long after Ctrl-C are cut.
GRACE_SECONDS = 3
#: Exit status when the engine does not start any more: a supervisor (systemd, Docker) may try again later.
ENGINE_GONE = 3


def run(
    host: str,
    port: int,
    device: Device,
    token: str | None,
    source: str | None,
    verbose: bool,
    takes: Path | None = None,
    outputs: Sequence[str] = (),
    calibration: Path | None = None,
    playback: Playback | None = None,
    avatar: Path | None = None,
    precision: Precision = "auto",
    limits: Sequence[str] = (),
    regressor: str = OWN,
) -> int:
    """Serve until Ctrl-C. Returns the process's exit status; what went wrong is on stderr."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogLimiter())
    logging.getLogger("face3d_live").setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        bounds = parse_limits(limits)
        person = load_profile(calibration) if calibration is not None else None
        shown = load_stored(avatar) if avatar is not None else None
        if source is not None:
            open_source(source).close()
        check = OutputManager()
        for url in outputs:
            check.add(url, enabled=False)  # a wrong URL is reported before the model loads
        listener = listen(host, port)
    except Face3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not is_loopback(host) and token is None:
        print("warning: everyone in the network can use this server: start it with --token", file=sys.stderr)
    settings = Settings(
        **running_on(device, precision, regressor),
        token=token,
        loopback=is_loopback(host),
        source=source,
        takes=takes,
        outputs=tuple(outputs),
        calibration=person.calibration if person is not None else None,
        playback=playback,
        avatar=shown,
        limits=bounds,
    )
    with listener:
        try:
            return asyncio.run(_serve(settings, listener, page_url(host, listener, token)))
        except KeyboardInterrupt:
            return 0


def running_on(device: Device, precision: Precision, regressor: str) -> dict[str, Any]:
    """The settings that name a network: the engine's pipeline and the worker's tasks, picklable."""
    return {
        "pipeline": functools.partial(make_pipeline, device, precision, regressor),
        "snapshot": functools.partial(tasks.snapshot, regressor=regressor),
        "reconstruct": functools.partial(tasks.reconstruct_photo, regressor=regressor),
        "texture": functools.partial(tasks.fuse_texture, regressor=regressor),
        "studio": StudioTasks(warm_up=functools.partial(tasks.warm_up, regressor=regressor)),
    }


def make_pipeline(device: Device, precision: Precision, regressor: str = OWN) -> Pipeline:
    """Called in the engine process, the only one that imports the network and OpenGL."""
    from face3d_live.live.engine.head_pipeline import HeadPipeline

    return HeadPipeline(device, precision, regressor)


async def _serve(settings: Settings, listener: socket.socket, address: str) -> int:
    raise_descriptor_limit()
    connections = Connections(settings.limits)
    app = create_app(settings, connections)
    config = uvicorn.Config(
        app,
        **server_options(connections),
        log_config=None,  # to our own handler, with its limiter
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
        # Compressing 2 kB thirty times a second for every client costs more than it saves on the loopback or a LAN.
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    _handle_hangup(server)
    server_task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not server_task.done():
        await asyncio.sleep(0.02)
    status = 0
    if not server_task.done():
        try:
            await _announce(app.state.live, server_task, address)
        except Face3DError as error:
            print(f"error: {error}", file=sys.stderr)
            server.should_exit = True
            status = 1
    # A take that is played once ends the program; so does an engine that is given up, for whoever supervises us.
    playback_over = asyncio.create_task(app.state.live.playback_over.wait())
    engine_over = asyncio.create_task(app.state.live.engine.wait_ended())
    await asyncio.wait({playback_over, engine_over, server_task}, return_when=asyncio.FIRST_COMPLETED)
    if not status and app.state.live.engine.given_up:
        print(f"error: {app.state.live.engine.failure}", file=sys.stderr)
        status = ENGINE_GONE
    for task in (playback_over, engine_over):
        task.cancel()
    server.should_exit = True
    await server_task
    return status


def _handle_hangup(server: uvicorn.Server) -> None:
    """SIGHUP: a closed terminal ends the server in order; without a terminal there is nothing to read anew.

    Started with nohup it stays ignored.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    terminal = sys.stdin is not None and sys.stdin.isatty()

    def hang_up() -> None:
        if terminal:
            server.should_exit = True
        else:
            logger.warning("SIGHUP is ignored: there are no settings to read anew, SIGTERM ends the server")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)


async def _announce(live: LiveService, server_task: asyncio.Task[None], address: str) -> None:
    """Print the address as soon as the engine is ready. Raises AssetError when it cannot load."""
    print("Loading the model ...", flush=True)
    ready = asyncio.create_task(live.engine.wait_ready())
    await asyncio.wait({ready, server_task}, return_when=asyncio.FIRST_COMPLETED)
    if server_task.done():
        ready.cancel()
        return
    await ready
    if live.engine.state == "ready":
        print(
            f"Face3D Live on {live.engine.device} ({live.engine.precision}): open {address}  (Ctrl-C ends it)",
            flush=True,
        )
    for session in live.sessions:
        if session.kind == "source":
            print(
                f"{live.settings.source} plays into session {session.id}; a picture: {_avatar_url(address, session.id)}"
            )
    if live.settings.playback is not None:
        print(f"{live.settings.playback.take.header.name} plays to the outputs and the expression stream")


def _avatar_url(address: str, session_id: str) -> str:
    base, mark, query = address.partition("?")
    return f"{base}api/sessions/{session_id}/avatar.jpg{mark}{query}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError "port-taken", "port-forbidden" or "bad-host"."""
    address = parse_ip(host)
    if address is not None:  # the zone stays: a link-local address needs it
        host = host.strip("[]") if "%" in host else str(address)
    try:
        family, _, _, _, where = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((where[0], port, *where[2:]), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            cure = f"port {port} is in use: end the other program, or choose another with --port {port + 1}"
            raise InputError("port-taken", cure) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise InputError("port-forbidden", f"port {port} needs more rights: use one above 1023") from error
        raise InputError("bad-host", f"cannot listen on {host}: {error.strerror or error}") from error
    except OverflowError as error:
        raise InputError("bad-port", f"{port} is no port: use 1 to 65535") from error
    # A small send buffer, so that a client that stops reading is noticed after seconds, not after megabytes.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
    return listener


def page_url(host: str, listener: socket.socket, token: str | None) -> str:
    port = listener.getsockname()[1]
    name = str(parse_ip(host) or without_brackets(host))
    name = {"0.0.0.0": "localhost", "::": "localhost", "127.0.0.1": "localhost"}.get(name, name)
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")
