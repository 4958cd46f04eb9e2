"""The live service: what runs behind the HTTP interface, and its settings."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from face3d_live.errors import AssetError, InputError, LimitError
from face3d_live.live.access import Access
from face3d_live.live.engine.client import Beginning, EngineClient
from face3d_live.live.engine.pipeline import Pipeline
from face3d_live.live.engine.stored_avatar import StoredAvatar
from face3d_live.live.ice import IceServer
from face3d_live.live.limits import Limits
from face3d_live.live.metrics import Metrics
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.live.outputs.store import SavedOutput
from face3d_live.live.sessions.carried import CarriedStates, SessionState
from face3d_live.live.sessions.registry import SessionRegistry
from face3d_live.live.sessions.session import Session
from face3d_live.live.sessions.source import Source
from face3d_live.live.sessions.texture_capture import TextureCapture
from face3d_live.live.sessions.viewers import Viewers
from face3d_live.live.stream.hub import Hub
from face3d_live.live.studio.jobs import JobQueue
from face3d_live.live.studio.view import Studio, StudioTasks
from face3d_live.live.supervisor import TaskSupervisor
from face3d_live.live.takes.playback import Playback
from face3d_live.live.takes.player import Player
from face3d_live.live.takes.recordings import Recordings
from face3d_live.live.tls import Certificate
from face3d_live.live.video_device import VideoDevice
from face3d_live.live.virtual_camera import VirtualCamera
from face3d_live.live.webrtc.ice_addresses import limit_ports
from face3d_live.live.webrtc.peer import IceOptions, Peer
from face3d_live.live.worker.process import Task, Worker
from face3d_live.live.worker.tasks import edit_head, make_vrm
from face3d_live.paths import WEB_CLIENT
from face3d_live.styling import AS_SEEN, Styling

logger = logging.getLogger(__name__)

#: Threads of asyncio's own pool; they are made when they are needed.
POOL_THREADS = 48
#: How long the address of a session that was expelled has to wait for the next one.
EXPELLED_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    pipeline: makes the engine's pipeline; picklable, called in the engine process.
    prefix: the ids of sessions, jobs, photos, takes and outputs begin with it, so that a gateway knows whose they are.
    snapshot, reconstruct, texture, edit: the worker's tasks: (report, rgb, codes) -> zip, (report, photo) -> zip,
    (report, keyframes) -> texture, see `sessions.texture_capture`, (report, zip, edit) -> zip. vrm: another one,
    (report, zip, meta) -> head.vrm. load_texture: what the worker does ahead of the first texture, if anything.
    studio: the tasks of the studio's process.
    access: who may use the server. addresses: that WebRTC may bind, None: all of the machine's. media_ports: the first
    and the last UDP port that it may bind, None: any. ice_servers: STUN and TURN. certificate: of TLS, None without it.
    source: a file, or a camera's number, that plays into a session. playback: a take that plays into a session.
    takes: the folder of recordings, by default in the user's data folder.
    outputs: URLs (`outputs.address`) to send to from the start. config: the folder of mappings and saved outputs.
    calibration, avatar, styling: what new sessions begin with. calibration is a `CalibrationResult.state`.
    virtual_camera: a device that shows the newest session's avatar to other programs; closed at the end.
    limits: see there.
    """

    pipeline: Callable[[], Pipeline]
    snapshot: Task
    reconstruct: Task
    texture: Task
    load_texture: Task | None = None
    prefix: str = ""
    studio: StudioTasks = field(default_factory=StudioTasks)
    edit: Task = edit_head
    vrm: Task = make_vrm
    access: Access = field(default_factory=Access)
    addresses: tuple[str, ...] | None = None
    media_ports: tuple[int, int] | None = None
    ice_servers: tuple[IceServer, ...] = ()
    certificate: Certificate | None = None
    source: str | None = None
    takes: Path | None = None
    outputs: tuple[str, ...] = ()
    config: Path | None = None
    calibration: object = None
    playback: Playback | None = None
    avatar: StoredAvatar | None = None
    styling: Styling = AS_SEEN
    virtual_camera: VideoDevice | None = None
    limits: Limits = field(default_factory=Limits)
    stream_stuck_seconds: float = 5.0
    web_client: Path = WEB_CLIENT


class LiveService:
    """The running parts of a server; `app.state.live` in the application. Made on the event loop.

    draining: no new session begins. carried: states of sessions that another server had.
    """

    def __init__(self, settings: Settings) -> None:
        cv2.setNumThreads(1)  # see `HeadPipeline`
        self.settings = settings
        self.metrics = Metrics()
        self.hub = Hub(settings.stream_stuck_seconds)
        self.outputs = OutputManager(settings.config, prefix=settings.prefix)
        self.hub.listeners.append(self.outputs.offer)
        limits = settings.limits
        self.engine = EngineClient(
            settings.pipeline,
            calibration=settings.calibration,
            avatar=settings.avatar,
            styling=settings.styling,
            give_up_seconds=limits.give_up_seconds,
        )
        self.worker = Worker(limits.task_seconds, int(limits.task_memory))
        self.files = Worker(limits.avatar_read_seconds, int(limits.file_memory))
        self._capture = TextureCapture(self.worker, settings.texture, self.spawn, settings.load_texture)
        self.sessions = SessionRegistry(self.engine, self.hub, self.metrics, self._capture, limits, settings.prefix)
        self.sessions.on_expelled = self._expel
        self._expelled: dict[str, float] = {}  # address -> monotonic seconds
        self.viewers = Viewers(self.sessions, settings.stream_stuck_seconds)
        studio_worker = Worker(limits.task_seconds, int(limits.file_memory))
        self.studio = Studio(settings.studio, self.spawn, studio_worker, settings.prefix)
        self.jobs = JobQueue(self.worker, settings.reconstruct, self.metrics, self.studio.unload, settings.prefix)
        self.recordings = Recordings(settings.takes, limits, settings.prefix)
        self.player = Player(self.sessions, self.worker, self.outputs.set_playback_session, self.spawn)
        self.playback_over = asyncio.Event()
        self.draining = False
        self.carried = CarriedStates()
        self.supervisor = TaskSupervisor()
        self._peers: dict[str, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._source: Source | None = None

    async def start(self) -> None:
        """Start the engine, the jobs and the source. The engine loads in the background."""
        # Look-ups of names and slow disks must not take the threads that encode the avatars.
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="pool"))
        if self.settings.media_ports is not None:
            limit_ports(loop)
        for url in self.settings.outputs:
            self.outputs.add(url)
        self.outputs.restore()
        self.engine.start()
        self.supervisor.keep("jobs", self.jobs.run)
        self.supervisor.keep("old results", self.jobs.expire)
        if self.settings.source is not None:
            self._source = Source(self.settings.source, self.sessions)
            self.spawn(self._source.run(), "source")
        if self.settings.virtual_camera is not None:
            self.spawn(VirtualCamera(self.settings.virtual_camera, self.sessions).run(), "virtual camera")
        if self.settings.playback is not None:
            self.spawn(self._play(self.settings.playback), "take")

    async def _play(self, playback: Playback) -> None:
        """Play a take once the engine is ready. Sets `playback_over` at its end."""
        try:
            await self.engine.wait_ready()
            self.player.play(playback)
            await self.player.wait_idle()
        except AssetError as error:
            logger.error("the take cannot be played: %s", error)
        finally:
            self.playback_over.set()

    async def stop(self) -> None:
        """End everything, peers first. Idempotent."""
        self.hub.end()
        await self.player.stop()
        await self.outputs.stop()
        await asyncio.gather(*(self.end(session) for session in self.sessions))
        await self.recordings.close()
        await self.supervisor.stop()
        for task in list(self._tasks):
            task.cancel()
        # All at once: a cancelled task waits for its worker to have stopped what it does.
        cancelled = asyncio.gather(*self._tasks, return_exceptions=True)
        processes = (self.engine, self.worker, self.files, self.studio.worker)
        await asyncio.gather(cancelled, *(process.stop() for process in processes))

    def expect_session(self) -> None:
        """A session is about to begin."""
        if not self.draining and self.engine.failure is None:
            self._capture.preload()

    async def connect(self, offer: str, address: str = "", resume: str = "") -> tuple[Session, str]:
        """Open a session for a browser's SDP offer. Returns it and the SDP answer. Raises Face3DErrors.

        resume: the session that it continues, whose state may have been carried here.
        """
        if self.draining:
            raise LimitError("draining", "this worker ends soon and takes no new session: try again")
        if time.monotonic() - self._expelled.get(address, -EXPELLED_SECONDS) < EXPELLED_SECONDS:
            text = f"a session from here stopped the engine again and again: wait {EXPELLED_SECONDS:.0f} s"
            raise LimitError("session-quarantined", text)
        if self.engine.failure is not None:  # new ones are let in again when it has started
            raise self.engine.failure
        state = self.carried.take(resume)
        session = self.sessions.open("browser", address, state.begin if state is not None else None)
        if state is not None:
            self._restore_outputs(session, state)
        self.expect_session()
        ice = IceOptions(self.settings.addresses, self.settings.ice_servers, self.settings.media_ports)
        peer = Peer(session, lambda: self.spawn(self.end(session), "end"), self.settings.limits, ice)
        self._peers[session.id] = peer
        try:
            return session, await peer.answer(offer)
        except BaseException:
            await self.end(session)
            raise

    def state_of(self, session: Session) -> SessionState:
        """What a session that continues this one elsewhere begins with."""
        engine, own = session.engine, (output for output in self.outputs if output.address.session == session.id)
        outputs = tuple(SavedOutput(one.address.url, one.enabled, one.mapping.profile) for one in own)
        return SessionState(Beginning(engine.saved, engine.avatar, engine.styling), outputs)

    def _restore_outputs(self, session: Session, state: SessionState) -> None:
        """Add the outputs that the session had, now its own."""
        try:
            for saved in state.outputs_of(session.id):
                self.outputs.add(saved.url, saved.profile, saved.enabled)
        except InputError as error:
            logger.warning("session %s: an output is not carried on: %s", session.id, error)

    async def end(self, session: Session) -> None:
        """End a session and its peer connection. Idempotent."""
        self.sessions.close(session)
        peer = self._peers.pop(session.id, None)
        if peer is not None:
            await peer.close()

    @property
    def missing(self) -> list[str]:
        """What the server lives on and is not there: names of tasks and threads."""
        engine = [] if self.engine.supervised else ["engine supervisor"]
        return engine + self.supervisor.missing

    def _expel(self, session: Session) -> None:
        """End a session that has stopped the engine again and again, and let its address wait."""
        now = time.monotonic()
        self._expelled = {of: at for of, at in self._expelled.items() if now - at < EXPELLED_SECONDS}
        self._expelled[session.address] = now
        self.spawn(self.end(session), "expelled session")

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task. It is cancelled when the server stops, and its failure is logged."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)
