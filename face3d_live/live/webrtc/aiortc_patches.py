"""Overrides of aiortc: what it does not let one choose, in one module, each by replacing one name.

* H264 is encoded with x264's `ultrafast` preset on one thread (1.4 ms instead of 14-19 ms a frame at 512x512), and the
  bitrate starts where an avatar looks clean instead of at 0.5-1 Mbit/s.
* A received frame is released when its own last packet (RTP marker bit) has arrived, not when the next frame's first
  packet has: one frame, 33 ms, less delay.
* A peer that has vanished is noticed within 10 s, not 33.
* A connection that is closed while it connects stays closed. It would go on asking for consent for 10 s, and, where it
  was closed between its handshake and its first packet, send reports for ever.
* ICE binds and offers only the addresses that the server listens on; of all addresses the loopback one alone when the
  machine has no other, so that the page works without any network.
* ICE binds UDP ports of the range that `--media-ports` names (`ice_addresses.limit_ports`).
* Its clock does not jump with the time of day. Its bandwidth estimate counts milliseconds one by one: when the clock of
  a machine is set an hour on, that would block the event loop for seconds, and a year for ever.
* The sender's reports (RTCP SR), which relate sound and pictures, are passed on. aiortc keeps no more of them than the
  round-trip time needs.

The overrides rely on private parts of aiortc. `install` checks that all of them are as in the tested version, so that
another one is refused at start-up, rather than being slow or out of sync without notice.
`close_parts` closes what aiortc leaves open.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
from aiortc import RTCPeerConnection
from aiortc.exceptions import InvalidStateError

from face3d_live.errors import AssetError

#: The newest version of aiortc that these overrides were tested with. pyproject.toml allows none after it.
TESTED = "1.16.0"


def _changed(what: str) -> AssetError:
    installed = importlib.metadata.version("aiortc")
    return AssetError(
        "aiortc-changed",
        f"aiortc {installed} differs from {TESTED}, which was tested ({what}): pip install aiortc=={TESTED}",
    )


try:
    import aioice.ice
    from aioice.ice import StunProtocol
    from aiortc import clock, rtcdtlstransport, rtcrtpreceiver, rtcrtpsender
    from aiortc.codecs import get_encoder as standard_encoder
    from aiortc.codecs.base import Encoder
    from aiortc.codecs.h264 import MAX_FRAME_RATE, H264Encoder
    from aiortc.codecs.vpx import Vp8Encoder
    from aiortc.jitterbuffer import JitterBuffer, JitterFrame
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters
    from aiortc.rtcrtpreceiver import RTCRtpReceiver
    from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

    from face3d_live.live.webrtc.ice_addresses import FilteringStunProtocol, ice_addresses
except ImportError as error:
    raise _changed(str(error)) from error

#: bit/s. A 512x512 head at 30 fps looks clean from about 1.5 Mbit/s; below 0.8 it smears.
START_BITRATE = 2_000_000
MIN_BITRATE = 800_000
#: H.264's largest picture of level 3.1, which browsers ask for (ITU-T H.264, table A-1).
LEVEL_31_PIXELS = 3600 * 16 * 16
#: Frames by which the rate is measured; frames a second, and from and to which rate the faster one holds.
RATE_FRAMES, FAST_RATE, FAST_ABOVE, SLOW_BELOW = 31, 60, 48.0, 38.0
#: Consent checks (RFC 7675) are answered within half a second or have failed; after so many failures in a row the other
#: side is gone: 9 to 10 s. Where 20 % of the packets are lost, that many fail by chance once in a day.
CONSENT_FAILURES, CONSENT_INTERVAL = 12, 0.25


class LiveH264Encoder(H264Encoder):
    """aiortc's packetiser with an x264 that is configured for low delay.

    x264 gives each frame its share of the bitrate by the rate that it was told: 30, or 60 where frames come as fast.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rate, self._times = MAX_FRAME_RATE, deque[float](maxlen=RATE_FRAMES)
        self.codec: av.VideoCodecContext | None = None
        self.target_bitrate = START_BITRATE

    @property
    def target_bitrate(self) -> int:
        """Bits per second. Follows the receiver's estimate, but not below `MIN_BITRATE`."""
        return super().target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._set_bitrate(max(bitrate, MIN_BITRATE))

    def _encode_frame(self, frame: av.VideoFrame, force_keyframe: bool) -> Iterator[bytes]:
        self._measure(frame)
        # The base class creates a codec when it has none of the right size and bitrate, so it is given one. It is shown
        # only bitrate changes that are worth a new codec, which begins with a key frame.
        if self.codec is None or not self._fits(self.codec, frame):
            self.codec = self._open(frame.width, frame.height)
        self._set_bitrate(self.codec.bit_rate or START_BITRATE)
        yield from super()._encode_frame(frame, force_keyframe)

    def _set_bitrate(self, bitrate: int) -> None:
        """The base class's setter, without the lower limit."""
        setter: Any = vars(H264Encoder)["target_bitrate"].fset
        setter(self, bitrate)

    def _measure(self, frame: av.VideoFrame) -> None:
        """Choose the rate by the newest frames' times. Between the bounds it stays: a change costs a key frame."""
        if frame.time is None:
            return
        self._times.append(frame.time)
        spent = self._times[-1] - self._times[0]
        if len(self._times) == RATE_FRAMES and spent > 0:
            rate = (RATE_FRAMES - 1) / spent
            faster, slower = rate > FAST_ABOVE, rate < SLOW_BELOW
            self._rate = FAST_RATE if faster else MAX_FRAME_RATE if slower else self._rate

    def _fits(self, codec: av.VideoCodecContext, frame: av.VideoFrame) -> bool:
        same = (frame.width, frame.height) == (codec.width, codec.height) and codec.framerate == self._rate
        return same and abs(self.target_bitrate / (codec.bit_rate or START_BITRATE) - 1) < 0.25

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = self.target_bitrate
        codec.framerate = Fraction(self._rate, 1)
        codec.time_base = Fraction(1, self._rate)
        # One thread: at this size a second one costs more in synchronisation than it saves, and the engine needs it.
        codec.thread_count = 1
        # VBV of half a second: it limits the burst of a key frame, which the network would queue.
        rate, buffer = str(self.target_bitrate), str(self.target_bitrate // 2)
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "level": "31" if width * height <= LEVEL_31_PIXELS else "40",
            "maxrate": rate,
            "bufsize": buffer,
        }
        codec.profile = "Baseline"
        return codec


def _encoder(codec: RTCRtpCodecParameters) -> Encoder:
    kind = codec.mimeType.lower()
    if kind == "video/h264":
        return LiveH264Encoder()
    encoder = standard_encoder(codec)
    if isinstance(encoder, Vp8Encoder):
        encoder.target_bitrate = START_BITRATE  # clamped to aiortc's own maximum for VP8, 1.5 Mbit/s
    return encoder


class PromptJitterBuffer(JitterBuffer):
    """Releases a video frame as soon as it is complete."""

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        assert self._origin is not None
        data: list[bytes] = []
        timestamp = None
        for count in range(self.capacity if self._is_video else 0):
            packet = self._packets[(self._origin + count) % self._capacity]
            if packet is None or timestamp not in (None, packet.timestamp):
                break
            timestamp = packet.timestamp
            data.append(packet._data)  # type: ignore[attr-defined]  # the payload, set by RTCRtpReceiver
            if packet.marker:
                self.remove(count + 1)
                return JitterFrame(data=b"".join(data), timestamp=timestamp)
        # A missing packet, or a sender that sets no marker: as the base class does.
        return super()._remove_frame(sequence_number)


connect_only = aioice.ice.Connection.connect


async def connect_or_close(self: aioice.ice.Connection) -> None:
    """`Connection.connect`. Raises ConnectionError when it fails, also where `close` was called meanwhile."""
    await connect_only(self)
    if self._closing:
        await self.close()
        raise ConnectionError("closed while it connected")


connect_peer_only: Any = vars(RTCPeerConnection).get("_RTCPeerConnection__connect")  # `check` reports a missing one


async def connect_peer_or_stop(self: RTCPeerConnection) -> None:
    """`RTCPeerConnection.__connect`. Whatever it starts in a connection that is closed meanwhile is stopped again."""
    try:
        await connect_peer_only(self)
    except InvalidStateError:
        if self.signalingState != "closed":
            raise
    if self.signalingState == "closed":
        for transceiver in self.getTransceivers():
            await transceiver.stop()


_BEGAN = datetime.now(UTC) - timedelta(seconds=time.monotonic())


def steady_datetime() -> datetime:
    """The time of day when this process began, and the seconds since."""
    return _BEGAN + timedelta(seconds=time.monotonic())


def watch_reports(receiver: RTCRtpReceiver, on_report: Callable[[int, int, int], None]) -> None:
    """Call `on_report` (RTP timestamp, NTP time in 2**-32 s, RTP timestamp of time 0) at each report of the sender."""
    handle = receiver._handle_rtcp_packet
    mapper = vars(receiver)["_RTCRtpReceiver__timestamp_mapper"]

    async def handle_and_tell(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and mapper._origin is not None:
            on_report(packet.sender_info.rtp_timestamp, packet.sender_info.ntp_timestamp, mapper._origin)
        await handle(packet)

    receiver._handle_rtcp_packet = handle_and_tell  # type: ignore[method-assign]


#: What is replaced, overridden or called, and its parameters.
_SIGNATURES: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (rtcrtpsender, "get_encoder", ("codec",)),
    (aioice.ice, "get_host_addresses", ("use_ipv4", "use_ipv6")),
    (StunProtocol, "__init__", ("self", "receiver")),
    (StunProtocol, "datagram_received", ("self", "data", "addr")),
    (aioice.ice.Connection, "connect", ("self",)),
    (aioice.ice.Connection, "close", ("self",)),
    (clock, "current_datetime", ()),
    (clock, "current_ms", ()),
    (rtcrtpreceiver, "JitterBuffer", ("capacity", "prefetch", "is_video")),
    (JitterBuffer, "_remove_frame", ("self", "sequence_number")),
    (JitterBuffer, "remove", ("self", "count")),
    (H264Encoder, "_encode_frame", ("self", "frame", "force_keyframe")),
    (RTCRtpReceiver, "_handle_rtcp_packet", ("self", "packet")),
    (RTCPeerConnection, "_RTCPeerConnection__connect", ("self",)),
)


def check() -> None:
    """Raises AssetError "aiortc-changed" unless every part of aiortc that is relied on is as it was tested."""
    for owner, name, parameters in _SIGNATURES:
        function = getattr(owner, name, None)
        if function is None:
            raise _changed(f"no {owner.__name__}.{name}")
        if tuple(inspect.signature(function).parameters) != parameters:
            raise _changed(f"{owner.__name__}.{name}{inspect.signature(function)}")
    for name in ("CONSENT_FAILURES", "CONSENT_INTERVAL"):
        if not hasattr(aioice.ice, name):
            raise _changed(f"no aioice.ice.{name}")
    for kind in (H264Encoder, Vp8Encoder):
        if getattr(getattr(kind, "target_bitrate", None), "fset", None) is None:
            raise _changed(f"no property {kind.__name__}.target_bitrate")
    source = inspect.getsource(aioice.ice)
    if source.count("loop.create_datagram_endpoint(") != 1 or "local_addr=(address, 0)" not in source:
        raise _changed("aioice binds its sockets in another way")
    transport: Any = SimpleNamespace(state="new")
    try:
        parts: tuple[tuple[object, tuple[str, ...]], ...] = (
            (aioice.ice.Connection(True), ("_closing",)),
            (JitterBuffer(4, is_video=True), ("capacity", "_capacity", "_origin", "_packets", "_is_video")),
            (RtpPacket(), ("marker", "timestamp")),
            (H264Encoder(), ("codec",)),
            (RTCRtpReceiver("audio", transport), ("_RTCRtpReceiver__timestamp_mapper",)),
            (rtcrtpreceiver.TimestampMapper(), ("_origin",)),
        )
    except Exception as error:
        raise _changed(f"{type(error).__name__}: {error}") from error
    if "packet._data" not in inspect.getsource(RTCRtpReceiver):
        raise _changed("RTCRtpReceiver sets no packet._data")
    if getattr(rtcdtlstransport, "clock", None) is not clock:
        raise _changed("rtcdtlstransport has another clock")
    for instance, names in parts:
        for name in names:
            if not hasattr(instance, name):
                raise _changed(f"no {type(instance).__name__}.{name}")


def install() -> None:
    """Put the overrides in place, for this process. Idempotent. Raises AssetError "aiortc-changed"."""
    check()
    sender: Any = rtcrtpsender
    receiver: Any = rtcrtpreceiver
    sender.get_encoder = _encoder
    receiver.JitterBuffer = PromptJitterBuffer
    clock.current_datetime = steady_datetime
    aioice.ice.Connection.connect = connect_or_close  # type: ignore[method-assign]
    RTCPeerConnection._RTCPeerConnection__connect = connect_peer_or_stop  # type: ignore[attr-defined]
    aioice.ice.CONSENT_FAILURES, aioice.ice.CONSENT_INTERVAL = CONSENT_FAILURES, CONSENT_INTERVAL  # type: ignore[assignment]
    aioice.ice.get_host_addresses = ice_addresses
    aioice.ice.StunProtocol = FilteringStunProtocol  # type: ignore[misc]


async def close_parts(connection: RTCPeerConnection) -> None:
    """Stop what transports there are, one by one, where the connection's own `close` failed halfway."""
    owners: list[Any] = [each.receiver for each in connection.getTransceivers()]
    owners += [connection.sctp] if connection.sctp is not None else []
    for transport in {owner.transport for owner in owners} - {None}:
        for part in (transport, transport.transport):
            with suppress(Exception):
                await part.stop()
