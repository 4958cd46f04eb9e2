"""The live server as a program: binds the port, waits for the engine, prints the address, stops on Ctrl-C."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from face3d_live.errors import Face3DError
from face3d_live.live import logs
from face3d_live.live.child_process import keep_modules
from face3d_live.live.engine.factory import make_pipeline
from face3d_live.live.http.app import create_app
from face3d_live.live.http.connections import Connections, raise_descriptor_limit, server_options
from face3d_live.live.limits import parse_limits
from face3d_live.live.network import Network, NetworkOptions, own_certificate, prepare
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.live.service import LiveService, Settings
from face3d_live.live.sessions.avatars import load_stored
from face3d_live.live.sessions.source import open_source
from face3d_live.live.studio.view import StudioTasks
from face3d_live.live.takes.playback import Playback
from face3d_live.live.video_device import VideoDevice, first_virtual_device
from face3d_live.live.worker import tasks
from face3d_live.regress.choose import OWN
from face3d_live.styling import AS_SEEN, Styling
from face3d_live.track.profile import load_profile
from face3d_live.typing import Device, Precision

logger = logging.getLogger(__name__)

#: Connections that are still open so long after Ctrl-C are cut.
GRACE_SECONDS = 3
#: Exit status when the engine does not start any more: a supervisor (systemd, Docker) may try again later.
ENGINE_GONE = 3
#: How often an automatic certificate is compared with the machine's addresses and the calendar.
RENEW_SECONDS = 900.0


def run(
    options: NetworkOptions,
    device: Device,
    source: str | None,
    verbose: bool,
    takes: Path | None = None,
    outputs: Sequence[str] = (),
    calibration: Path | None = None,
    playback: Playback | None = None,
    avatar: Path | None = None,
    precision: Precision = "auto",
    limits: Sequence[str] = (),
    log_format: logs.Format = "text",
    regressor: str = OWN,
    styling: Styling = AS_SEEN,
    virtual_camera: str | None = None,
) -> int:
    """Serve until Ctrl-C. Returns the process's exit status; what went wrong is on stderr."""
    logs.configure(log_format, verbose)
    try:
        bounds = parse_limits(limits)
        person = load_profile(calibration) if calibration is not None else None
        shown = load_stored(avatar) if avatar is not None else None
        if source is not None:
            open_source(source).close()
        check = OutputManager()
        for url in outputs:
            check.add(url, enabled=False)  # a wrong URL is reported before the model loads
        camera = _virtual_camera(virtual_camera)
        network = prepare(options)
        logs.configure(log_format, verbose, [network.access.token])
    except Face3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not network.access.loopback and network.access.token is None:
        text = "everyone who reaches this machine can watch, record and play back faces on it: --insecure was given"
        print(f"warning: NO TOKEN IS NEEDED: {text}", file=sys.stderr)
    settings = Settings(
        **running_on(device, precision, regressor),
        access=network.access,
        addresses=network.addresses,
        ice_servers=network.ice_servers,
        media_ports=network.media_ports,
        certificate=network.certificate,
        source=source,
        takes=takes,
        outputs=tuple(outputs),
        calibration=person.calibration if person is not None else None,
        playback=playback,
        avatar=shown,
        styling=styling,
        virtual_camera=camera,
        limits=bounds,
    )
    with network.listener:
        try:
            return asyncio.run(_serve(settings, network))
        except KeyboardInterrupt:
            return 0


def _virtual_camera(wanted: str | None) -> VideoDevice | None:
    """wanted: "auto", or a device's path. Raises AssetError "no-virtual-camera"."""
    if wanted is None:
        return None
    return VideoDevice(first_virtual_device() if wanted == "auto" else Path(wanted))


def server_config(app: ASGIApp, connections: Connections, **more: Any) -> uvicorn.Config:
    """How uvicorn serves an application of ours."""
    options = {
        **server_options(connections),
        "log_config": None,  # to our own handler, with its limiter
        "log_level": "warning",
        "access_log": False,
        "lifespan": "on",
        "timeout_graceful_shutdown": GRACE_SECONDS,
        # Compressing 2 kB thirty times a second for every client costs more than it saves on the loopback or a LAN.
        "ws_per_message_deflate": False,
        "server_header": False,
    }
    return uvicorn.Config(app, **(options | more))


def running_on(device: Device, precision: Precision, regressor: str) -> dict[str, Any]:
    """The settings that name a network: the engine's pipeline and the worker's tasks, picklable."""
    return {
        "pipeline": functools.partial(make_pipeline, device, precision, regressor),
        "snapshot": functools.partial(tasks.snapshot, regressor=regressor),
        "reconstruct": functools.partial(tasks.reconstruct_photo, regressor=regressor),
        "texture": functools.partial(tasks.fuse_texture, regressor=regressor),
        "load_texture": functools.partial(tasks.load_texture, regressor=regressor),
        "edit": functools.partial(tasks.edit_head, regressor=regressor),
        "vrm": functools.partial(tasks.make_vrm, regressor=regressor),
        "studio": StudioTasks(warm_up=functools.partial(tasks.warm_up, regressor=regressor)),
    }


async def _serve(settings: Settings, network: Network) -> int:
    raise_descriptor_limit()
    connections = Connections(settings.limits)
    app = create_app(settings, connections)
    config = server_config(app, connections)
    config.load()
    keep_modules()
    context = network.certificate.context() if network.certificate is not None else None
    config.ssl = context
    renewing = asyncio.create_task(renew(network, context), name="certificate")
    server = uvicorn.Server(config)
    handle_hangup(server)
    server_task = asyncio.create_task(server.serve(sockets=[network.listener]))
    while not server.started and not server_task.done():
        await asyncio.sleep(0.02)
    status = 0
    if not server_task.done():
        try:
            await _announce(app.state.live, server_task, network)
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
    for task in (playback_over, engine_over, renewing):
        task.cancel()
    server.should_exit = True
    await server_task
    return status


def handle_hangup(server: uvicorn.Server) -> None:
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


async def _announce(live: LiveService, server_task: asyncio.Task[None], network: Network) -> None:
    """Print the addresses as soon as the engine is ready. Raises AssetError when it cannot load."""
    print("Loading the model ...", flush=True)
    ready = asyncio.create_task(live.engine.wait_ready())
    await asyncio.wait({ready, server_task}, return_when=asyncio.FIRST_COMPLETED)
    if server_task.done():
        ready.cancel()
        return
    await ready
    address = network.page_url()
    if live.engine.state == "ready":
        print(
            f"Face3D Live on {live.engine.device} ({live.engine.precision}): open {address}  (Ctrl-C ends it)",
            flush=True,
        )
        announce_network(network)
    for session in live.sessions:
        if session.kind == "source":
            print(
                f"{live.settings.source} plays into session {session.id}; a picture: {_avatar_url(address, session.id)}"
            )
    if live.settings.virtual_camera is not None:
        print(f"Other programs see the avatar as the camera {live.settings.virtual_camera.path}")
    if live.settings.playback is not None:
        print(f"{live.settings.playback.take.header.name} plays to the outputs and the expression stream")


def announce_network(network: Network) -> None:
    """How the network's other machines come in, and what their browsers will say."""
    for url in network.other_urls():
        print(f"From other machines: {url}")
    if network.access.token is not None and not network.tells_token:
        print("The token is not shown: end the address with #token=..., as --token-file or FACE3D_TOKEN has it")
    fingerprint = network.certificate.fingerprint() if network.certificate is not None else None
    if fingerprint is not None:
        print(
            "Browsers warn of the certificate until they trust the authority that this machine made: get it at "
            f"{network.scheme}://.../ca.crt and install it. Its SHA-256 fingerprint is\n{fingerprint}"
        )
    sys.stdout.flush()


async def renew(network: Network, context: ssl.SSLContext | None) -> None:
    """An automatic certificate follows the machine's addresses, and never expires while the server runs."""
    if context is None or network.certificate is None or network.certificate.authority is None:
        return
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            certificate = await asyncio.to_thread(own_certificate, network.access)
            certificate.load_into(context)
        except Face3DError as error:
            logger.warning("the certificate is not renewed: %s", error)


def _avatar_url(address: str, session_id: str) -> str:
    return f"{address.partition('#')[0]}api/sessions/{session_id}/avatar.jpg"
