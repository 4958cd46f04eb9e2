"""What aiortc does not let one choose, overridden in one place, each by replacing one module-level name.

* H264 is encoded with x264's `ultrafast` preset on one thread (1.4 ms instead of 14-19 ms a frame at 512x512), and the
  bitrate starts where an avatar looks clean instead of at 0.5-1 Mbit/s.
* A received frame is released when its own last packet (RTP marker bit) has arrived, not when the next frame's first
  packet has: one frame, 33 ms, less delay.
* ICE offers the loopback address when the machine has no other: the page then still works on a machine without any
  network.

* The sender's reports (RTCP SR) are listened to: they tie sound and pictures together. aiortc keeps no more of them
  than the round-trip time needs.

`install` is idempotent. If a future aiortc renames what is replaced here, `install` raises AttributeError at start-up
and the tests of this module fail, rather than the server becoming slow in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import aioice.ice
import av
from aiortc import rtcrtpreceiver, rtcrtpsender
from aiortc.codecs import get_encoder as standard_encoder
from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import MAX_FRAME_RATE, H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket

#: bit/s. A 512x512 head at 30 fps looks clean from about 1.5 Mbit/s; below 0.8 it smears.
START_BITRATE = 2_000_000
MIN_BITRATE = 800_000


class LiveH264Encoder(H264Encoder):
    """aiortc's packetiser around an x264 that is set up for delay."""

    def __init__(self) -> None:
        super().__init__()
        self.codec: av.VideoCodecContext | None = None
        self.target_bitrate = START_BITRATE

    @property
    def target_bitrate(self) -> int:
        """Bits per second; the receiver's estimate moves it, but not below `MIN_BITRATE`."""
        bitrate: int = H264Encoder.target_bitrate.fget(self)
        return bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        H264Encoder.target_bitrate.fset(self, max(bitrate, MIN_BITRATE))

    def _encode_frame(self, frame: av.VideoFrame, force_keyframe: bool) -> Iterator[bytes]:
        # The base class makes a codec whenever it has none that fits, so it is given one that does; and it takes a
        # changed bitrate for a misfit, so it only gets to see changes that are worth a new codec, hence a key frame.
        if self.codec is None or not self._fits(self.codec, frame):
            self.codec = self._open(frame.width, frame.height)
        H264Encoder.target_bitrate.fset(self, self.codec.bit_rate)
        yield from super()._encode_frame(frame, force_keyframe)

    def _fits(self, codec: av.VideoCodecContext, frame: av.VideoFrame) -> bool:
        same_size = (frame.width, frame.height) == (codec.width, codec.height)
        return same_size and abs(self.target_bitrate / codec.bit_rate - 1) < 0.25

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = self.target_bitrate
        codec.framerate = Fraction(MAX_FRAME_RATE, 1)
        codec.time_base = Fraction(1, MAX_FRAME_RATE)
        # One slice thread: at this size a second one costs more in waking up than it saves, and the engine needs it.
        codec.thread_count = 1
        # vbv of half a second: a key frame may be large, but not a burst that the network queues for long.
        rate, buffer = str(self.target_bitrate), str(self.target_bitrate // 2)
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "level": "31",
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
        first = self._packets[self._origin % self._capacity]
        for count in range(self.capacity if self._is_video else 0):
            packet = self._packets[(self._origin + count) % self._capacity]
            if packet is None or packet.timestamp != first.timestamp:
                break
            data.append(packet._data)
            if packet.marker:
                self.remove(count + 1)
                return JitterFrame(data=b"".join(data), timestamp=first.timestamp)
        # A gap, or a sender that sets no marker: the base class's rule.
        return super()._remove_frame(sequence_number)


_host_addresses = aioice.ice.get_host_addresses


def _addresses_or_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return _host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]


def watch_reports(receiver: RTCRtpReceiver, on_report: Callable[[int, int, int], None]) -> None:
    """Call `on_report` (RTP stamp, NTP time in 2**-32 s, stamp that frames count from) at each report of the sender."""
    handle = receiver._handle_rtcp_packet
    mapper = receiver._RTCRtpReceiver__timestamp_mapper

    async def handle_and_tell(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and mapper._origin is not None:
            on_report(packet.sender_info.rtp_timestamp, packet.sender_info.ntp_timestamp, mapper._origin)
        await handle(packet)

    receiver._handle_rtcp_packet = handle_and_tell


def install() -> None:
    """Put the overrides in place, for this process."""
    for module, name in (
        (rtcrtpsender, "get_encoder"),
        (rtcrtpreceiver, "JitterBuffer"),
        (aioice.ice, "get_host_addresses"),
    ):
        getattr(module, name)
    rtcrtpsender.get_encoder = _encoder
    rtcrtpreceiver.JitterBuffer = PromptJitterBuffer
    aioice.ice.get_host_addresses = _addresses_or_loopback
