"""What a page may send: every text is understood or refused by name, and what goes back keeps its bounds."""

import json
import math
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from face3d_live import eyewear
from face3d_live.errors import InputError
from face3d_live.hairstyle import AS_SEEN, STYLES, Hair
from face3d_live.live.engine.pipeline import MODES, ViewRequest
from face3d_live.live.webrtc import data_channel, sdp

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
_KEYS = st.sampled_from(["type", "mode", "yaw", "pitch", "zoom", "pixels", "id", "t", "style", "colour"])
_TYPES = st.sampled_from(["view", "calibrate", "ping", "hair", "dance"])


@given(st.dictionaries(_KEYS, _JSON, max_size=6), _TYPES)
@settings(max_examples=300, deadline=None)
@pytest.mark.slow
def test_messages_are_understood_or_refused(message, type_):
    message = {"type": type_} | message
    try:
        command = data_channel.parse(json.dumps(message), 1.0)
    except InputError as error:
        assert error.code == "bad-control"
        return
    match command:
        case data_channel.SetView(view=view, pixels=pixels):
            assert pixels is None or 1 <= pixels <= 16_384
            assert view.mode in MODES and abs(view.yaw) <= math.pi and abs(view.pitch) <= 1.4 and 0.3 <= view.zoom <= 5
        case data_channel.Ping(id=id_, t=t):
            json.dumps([id_, t], allow_nan=False)
        case data_channel.SetHair(hair=hair):
            assert hair.style in (None, *STYLES)
        case data_channel.SetGlasses(glasses=glasses):
            assert glasses.style in (None, *eyewear.STYLES)
        case _:
            assert message["type"] == "calibrate"


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_or_bytes(message):
    try:
        data_channel.parse(message, 0.0)
    except InputError as error:
        assert error.code == "bad-control"


def test_deep_nesting_is_refused():
    with pytest.raises(InputError, match="bad-control"):
        data_channel.parse('{"type":"view","mode":' + "[" * 2000 + "]" * 2000 + "}", 0.0)


def test_hair_is_wished_for_by_style_and_colour():
    wish = data_channel.parse('{"type":"hair","style":"bob","colour":"#aa5500"}', 0.0)
    assert wish == data_channel.SetHair(Hair("bob", "#aa5500"))
    assert data_channel.parse('{"type":"hair"}', 0.0) == data_channel.SetHair(AS_SEEN)
    with pytest.raises(InputError, match="hair style"):
        data_channel.parse('{"type":"hair","style":"mullet"}', 0.0)


class Pipe:
    """A data channel that remembers."""

    def __init__(self):
        self.readyState, self.bufferedAmount, self.sent = "open", 0, []

    def send(self, data):
        self.sent.append(json.loads(data))


def test_pings_are_answered_by_later_pictures_only():
    pipe = Pipe()
    channel = data_channel.ControlChannel(pipe)
    for i in range(40):
        channel.add_ping(data_channel.Ping(i, 10 * i, float(i)))
    channel.answer_pings(8.0)
    assert pipe.sent == []  # Of forty the first eight are forgotten; the ninth came with this picture, not before it.
    channel.answer_pings(9.5)
    assert pipe.sent == [{"type": "pong", "id": 8, "t": 80}, {"type": "pong", "id": 9, "t": 90}]
    channel.answer_pings(100.0)
    assert len(pipe.sent) == 32
    channel.answer_pings(100.0)
    assert len(pipe.sent) == 32


def test_a_channel_that_backs_up_gets_no_frames_and_then_nothing(monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pipe = Pipe()
    channel = data_channel.ControlChannel(pipe)
    due = []
    for i in range(60):
        now = 100 + i / 30
        due.append(channel.wants_frame())
    assert 29 <= sum(due) <= 31
    now += 1
    pipe.bufferedAmount = data_channel.MAX_BUFFERED + 1
    assert not channel.wants_frame()
    channel.send("notice", code="x")
    pipe.bufferedAmount *= 5
    channel.send("notice", code="y")
    pipe.bufferedAmount, pipe.readyState = 0, "closed"
    channel.send("notice", code="z")
    assert [message["code"] for message in pipe.sent] == ["x"]


_LINES = st.lists(
    st.sampled_from(
        [
            "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "m=audio 9 RTP/AVP 0",
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=sendrecv", "a=rtpmap:96 VP8/90000", "a=fmtp:96 a=b",
            "a=fmtp:x", "a=rtpmap:97", "a=candidate:1 1 udp 1 x.local 1 typ host", "a=mid:0", "a=ssrc:x y", "a=group:",
            "a=setup:actpass", "a=fingerprint:sha-256", "c=IN IP4", "m=", "a=ice-ufrag", "a=extmap:1", "a=sctpmap:5",
        ]
    )
    | st.text(max_size=20),
    max_size=25,
)  # fmt: skip


@pytest.mark.slow
@given(_LINES)
@example(["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=fmtp:96 a=b"])  # the parser lets StopIteration out
@settings(max_examples=300, deadline=None)
def test_offers_are_understood_or_refused(lines):
    text = "\r\n".join(lines)
    try:
        sdp.check_offer(text)
    except InputError as error:
        assert error.code in ("bad-sdp", "no-video", "no-codec")
    again = sdp.without_names(text)
    assert ".local " not in again or "a=candidate" not in again
    assert sdp.without_names(again) == again
    sdp.with_bitrate(text)


def test_only_video_codecs_get_bitrate_hints():
    answer = "\r\n".join(
        ["v=0", "m=audio 9 RTP/AVP 111", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10", "m=video 9 X 97 98 99",
         "a=rtpmap:97 VP8/90000", "a=rtpmap:98 rtx/90000", "a=fmtp:98 apt=97", "a=rtpmap:99 H264/90000",
         "a=fmtp:99 packetization-mode=1"]
    )  # fmt: skip
    lines = sdp.with_bitrate(answer).splitlines()
    hinted = [line.split()[0] for line in lines if "x-google" in line]
    assert hinted == ["a=fmtp:97", "a=fmtp:99"]
    assert lines[-1].startswith("a=fmtp:99 packetization-mode=1;x-google-start-bitrate=")


def test_a_view_from_nothing_is_the_standard_view():
    assert ViewRequest.from_message({"type": "view"}) == ViewRequest()
