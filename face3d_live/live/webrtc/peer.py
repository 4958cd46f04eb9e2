"""A browser's WebRTC connection to a session: camera and microphone tracks, avatar track, control channel."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError

from face3d_live.codes import ARKIT
from face3d_live.errors import InputError
from face3d_live.live.ice import IceServer
from face3d_live.live.limits import Limits
from face3d_live.live.sessions.observer import SessionFrame
from face3d_live.live.sessions.picture_quality import Hint
from face3d_live.live.sessions.session import Session
from face3d_live.live.webrtc import aiortc_patches, data_channel, sdp
from face3d_live.live.webrtc.audio_receiver import AudioReceiver, AudioVideoSync
from face3d_live.live.webrtc.ice_addresses import binding, needs_own_machine
from face3d_live.live.webrtc.media import AvatarTrack, NewestFrame, to_rgb
from face3d_live.takes.sound import Samples
from face3d_live.version import __version__

logger = logging.getLogger(__name__)

#: Without a camera frame for so long the avatar is drawn again, so that views update and the face relaxes.
SILENT_SECONDS = 0.25
#: Without a camera frame for so long the page is notified.
FROZEN_SECONDS = 2.0

#: Seconds from a notice to the end of its session, so that it arrives.
NOTICE_SECONDS = 1.0

# Scaling pictures takes 1-3 ms without the GIL; two threads serve all sessions.
_convert_pool = ThreadPoolExecutor(2, thread_name_prefix="to-rgb")


@dataclass(frozen=True)
class IceOptions:
    """addresses: that may be bound and offered; None: all of the machine's. servers: STUN and TURN, none by default.

    ports: the first and the last UDP port that may be bound; None: any.
    """

    addresses: tuple[str, ...] | None = None
    servers: tuple[IceServer, ...] = ()
    ports: tuple[int, int] | None = None


class Peer:
    """Calls `on_end` when the connection fails, closes or is not made in time, or when the camera track ends."""

    def __init__(
        self, session: Session, on_end: Callable[[], None], limits: Limits, ice: IceOptions | None = None
    ) -> None:
        self._session = session
        self._on_end = on_end
        self._addresses = ice.addresses if ice is not None else None
        self._ports = ice.ports if ice is not None else None
        # Without servers, which is the default, no other machine learns of the connection.
        servers = [server.for_aiortc() for server in ice.servers] if ice is not None else []
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._avatar = AvatarTrack(self._on_encode)
        self._control: data_channel.ControlChannel | None = None
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_camera = self._calibrating = self._has_microphone = False
        self._sync = AudioVideoSync()
        self._origin: float | None = None  # video time of the first camera frame, seconds
        self._closed = False
        self._last_picture: float | None = None  # monotonic seconds

    async def answer(self, offer: str) -> str:
        """The SDP answer. Raises InputError "bad-sdp", "no-video" or "no-codec"."""
        sdp.check_offer(offer)
        transceiver = self._pc.addTransceiver(self._avatar, direction="sendrecv")
        capabilities = RTCRtpReceiver.getCapabilities("video")
        assert capabilities is not None, "aiortc knows video"
        transceiver.setCodecPreferences(sorted(capabilities.codecs, key=lambda codec: codec.mimeType != "video/H264"))
        self._pc.on("track", self._on_track)
        self._pc.on("datachannel", self._on_channel)
        self._pc.on("connectionstatechange", self._on_state)
        try:
            with binding(self._addresses, needs_own_machine(self._addresses, offer), self._ports):
                await self._pc.setRemoteDescription(RTCSessionDescription(sdp.without_names(offer), "offer"))
                await self._pc.setLocalDescription(await self._pc.createAnswer())
        except Exception as error:
            # aiortc raises whatever its parts raise: ValueError, AssertionError, KeyError, AttributeError, ...
            logger.info("session %s: the offer cannot be answered: %r", self._session.id, error)
            raise InputError("bad-sdp", f"the offer cannot be answered: {error or type(error).__name__}") from error
        for each in self._pc.getTransceivers():
            clock = self._sync.video if each.kind == "video" else self._sync.audio
            aiortc_patches.watch_reports(each.receiver, clock.reported)
        self._session.observer = self
        self._spawn(self._expect_connection(), "connect")
        self._spawn(self._expect_pictures(), "pictures")
        return sdp.with_bitrate(self._pc.localDescription.sdp)

    async def close(self) -> None:
        """Close the connection and end all tasks. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._session.observer = None
        current = asyncio.current_task()
        for task in self._tasks - {current}:
            task.cancel()
        self._avatar.stop()
        try:
            await self._pc.close()
        except Exception as error:
            # aiortc raises whatever its parts raise where an odd offer was answered halfway, and leaves the rest open.
            logger.info("session %s: closed in parts: %r", self._session.id, error)
            await aiortc_patches.close_parts(self._pc)

    # --- the session's events (SessionObserver) -----------------------------------------------------------------------

    def on_frame(self, frame: SessionFrame) -> None:
        """Send the avatar, and at most 15 times a second the numbers."""
        if frame.result.image is not None:  # else begun before this observer came
            self._avatar.push(frame.result.image, frame)
        if self._control is None or not self._control.wants_frame():
            return
        result = frame.result
        ms = {stage: round(result.ms[stage], 2) for stage in ("track", "render") if stage in result.ms}
        self._send(
            "frame",
            frame=frame.number,
            t=round(frame.t, 4),
            face=result.face,
            expression=[round(v, 4) for v in result.codes.expression.tolist()],
            fps=round(frame.fps, 1),
            ms=ms | {"total": round(frame.total_ms, 2)},
        )

    def on_notice(self, code: str, message: str) -> None:
        """Send the page a notice."""
        self._send("notice", code=code, message=message)

    def on_quality(self, hints: tuple[Hint, ...]) -> None:
        """Tell the page what keeps its picture from being better."""
        self._send("quality", hints=hints)

    # --- the browser's events --------------------------------------------------------------------------------------

    def _on_track(self, track: MediaStreamTrack) -> None:
        # Every track is read, as an unread one leaks memory. Only the first camera and microphone are used.
        if track.kind == "audio" and not self._has_microphone:
            self._has_microphone = True
            receiver = AudioReceiver(track, self._on_audio_packet, self._records_sound, self._on_samples)
            self._spawn(receiver.drain(), "audio")
            return
        newest = NewestFrame(track)
        self._spawn(newest.drain(), "drain")
        if track.kind == "video" and not self._has_camera:
            self._has_camera = True
            self._spawn(self._feed(newest), "feed")

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != "control" or self._control is not None:
            channel.close()
            return
        self._control = data_channel.ControlChannel(channel)
        channel.on("message", self._on_message)
        session = self._session
        self._send("hello", session=session.id, device=session.device, names=ARKIT, version=__version__)

    def _on_message(self, message: str | bytes) -> None:
        try:
            command = data_channel.parse(message, time.monotonic())
        except InputError as error:
            self._send("notice", code=error.code, message=error.message)
            return
        match command:
            case data_channel.SetView(view=view, pixels=pixels):
                self._session.set_view(view, pixels)
            case data_channel.Follow(x=x, y=y):
                self._session.engine.follow = (x, y)
            case data_channel.Act(acting=acting):
                self._session.engine.acting = acting
            case data_channel.SetHair(hair=hair):
                self._session.set_styling(replace(self._session.styling, hair=hair))
            case data_channel.SetGlasses(glasses=glasses):
                self._session.set_styling(replace(self._session.styling, glasses=glasses))
            case data_channel.CalibrateNow():
                if not self._calibrating:
                    self._calibrating = True
                    self._spawn(self._calibrate(), "calibrate")
            case data_channel.Ping() if self._control is not None:
                self._control.add_ping(command)

    def _on_state(self) -> None:
        state = self._pc.connectionState
        logger.info("session %s: connection %s", self._session.id, state)
        if state in ("failed", "closed"):
            self._end()

    def _on_audio_packet(self, t: float) -> None:
        self._sync.audio.arrived(t, time.monotonic())

    def _records_sound(self) -> bool:
        """Whether sound is recorded. Otherwise it is dropped."""
        recorder = self._session.recorder
        return recorder is not None and recorder.records_sound

    def _on_samples(self, samples: Samples, t: float) -> None:
        recorder, shift = self._session.recorder, self._sync.shift()
        if recorder is not None and shift is not None and self._origin is not None:
            recorder.add_sound(samples, t + shift - self._origin)

    def _on_encode(self, frame: SessionFrame) -> None:
        """A picture goes to the encoder: answer the pings that came before its camera frame."""
        if frame.fresh and self._control is not None:
            self._control.answer_pings(frame.arrived)

    def _send(self, type_: str, **fields: object) -> None:
        if self._control is None:
            return
        try:
            self._control.send(type_, **fields)
        except (InvalidStateError, ConnectionError):
            logger.debug("session %s: the control channel is closed", self._session.id)

    async def _calibrate(self) -> None:
        try:
            calibration = await self._session.calibrate()
        finally:
            self._calibrating = False
        self._send("calibrated", **calibration.to_json())

    # --- tasks ------------------------------------------------------------------------------------------------------

    async def _feed(self, newest: NewestFrame) -> None:
        """Camera to engine, until the track ends."""
        loop = asyncio.get_running_loop()
        last, frozen = time.monotonic(), False
        try:
            while True:
                taken = await newest.take(SILENT_SECONDS)
                if taken is None:
                    self._session.draw_again()
                    if not frozen and time.monotonic() - last > FROZEN_SECONDS and newest.received:
                        frozen = True
                        self.on_notice("camera-frozen", "The camera sends no pictures any more.")
                    continue
                frame, arrived, skipped = taken
                self._last_picture = last = arrived
                frozen = False
                rgb = await loop.run_in_executor(_convert_pool, to_rgb, frame)
                stamp = frame.time if frame.time is not None else arrived
                self._sync.video.arrived(stamp, arrived)
                self._origin = stamp if self._origin is None else self._origin
                self._session.submit(rgb, stamp - self._origin, arrived, skipped)
        except MediaStreamError:
            self._end()

    async def _expect_connection(self) -> None:
        await asyncio.sleep(self._limits.connect_seconds)
        if self._pc.connectionState not in ("connected", "closed"):
            logger.info("session %s: nobody connected", self._session.id)
            self._end()

    async def _expect_pictures(self) -> None:
        """End a session that holds its place without a camera."""
        waiting_since: float | None = None  # for the first picture, from the connection on
        limits = self._limits
        while True:
            await asyncio.sleep(min(1.0, limits.no_picture_seconds / 4))
            now = time.monotonic()
            if waiting_since is None and self._pc.connectionState == "connected":
                waiting_since = now
            if self._last_picture is not None:
                silent, most = now - self._last_picture, limits.frozen_seconds
            else:
                silent, most = now - (waiting_since or now), limits.no_picture_seconds
            if silent > most:
                logger.info("session %s: no picture for %.0f s; it is ended", self._session.id, silent)
                self.on_notice("no-pictures", "No camera picture has come for a long time, and the session was ended.")
                await asyncio.sleep(NOTICE_SECONDS)
                self._end()
                return

    def _end(self) -> None:
        if not self._closed:
            self._on_end()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"{self._session.id}-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("session %s: %s failed", self._session.id, task.get_name(), exc_info=error)
            self._end()
