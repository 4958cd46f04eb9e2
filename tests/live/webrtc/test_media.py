"""Pictures through real peer connections: camera to engine to avatar, delays, codecs, views, trouble."""

import asyncio
import gc
import os
import re
import signal
import time
from fractions import Fraction
from pathlib import Path

import av
import live_fakes
import numpy as np
import pytest
from aiortc import AudioStreamTrack, rtcrtpreceiver, rtcrtpsender
from aiortc.codecs.h264 import H264Encoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from live_helpers import Browser, Camera, serve
from waiting import until

from face3d_live.codes import ARKIT, INDEX
from face3d_live.live.engine import client as engine_client
from face3d_live.live.webrtc import aiortc_patches, peer, sdp
from face3d_live.live.webrtc.media import AvatarTrack, NewestFrame, fit_size, to_rgb

JAW = INDEX["jawOpen"]


async def test_the_avatar_follows_the_camera():
    async with serve() as served, Browser(served, Camera(0.25)) as browser:
        hello = await browser.message("hello")
        assert hello["session"] == browser.session and hello["device"] == "fake" and hello["names"] == list(ARKIT)
        await browser.until_brightness(0.25)
        assert browser.avatar.shape == (512, 512, 3)
        browser.camera.level = 0.75
        await browser.until_brightness(0.75)
        frame = await browser.message("frame")
        assert frame["face"] is True and len(frame["expression"]) == 52
        assert frame["expression"][JAW] == pytest.approx(0.75, abs=0.03)
        assert {"track", "render", "total"} <= set(frame["ms"]) and frame["ms"]["total"] > 0
        browser.camera.level = 0.0
        await browser.until(lambda: browser.of("frame")[-1]["face"] is False)


async def test_rate_delay_and_pings():
    async with serve() as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        messages, began = len(browser.of("frame")), time.monotonic()
        for i in range(8):
            start, seen = time.monotonic(), browser.avatars
            browser.send(type="ping", id=i, t=1000 * start)
            pong = await browser.message("pong")
            assert (pong["id"], pong["t"]) == (i, 1000 * start)
            await browser.until(lambda seen=seen: browser.avatars >= seen + 4)
        # How fast it is, bench/live.py measures.
        assert len(browser.of("frame")) - messages <= 2 + 15 * (time.monotonic() - began)
        state = (await served.http.get(browser.location)).json()
        assert state["fps"] > 0 and state["face"] is True and state["ms"]["total"] > 0


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
async def test_both_codecs_work(codec):
    async with serve() as served, Browser(served, codec=codec) as browser:
        await browser.until_brightness(0.5)
        browser.camera.level = 0.8
        await browser.until_brightness(0.8)


def as_firefox_without_h264(offer: str) -> str:
    """VP9 before VP8, each with the parameters that Firefox gives, and no H264."""
    lines = []
    for line in offer.splitlines():
        if line.startswith("m=video"):
            words = line.split()
            line = " ".join([*words[:3], "121", *words[3:]])
        lines.append(line)
        if rtpmap := re.match(r"a=rtpmap:(\d+) VP8/90000", line):
            lines.append(f"a=fmtp:{rtpmap[1]} max-fs=12288;max-fr=60")
            lines += ["a=rtpmap:121 VP9/90000", "a=fmtp:121 max-fs=12288;max-fr=60", "a=rtcp-fb:121 nack pli"]
    return "\r\n".join(lines) + "\r\n"


async def test_a_browser_without_h264_sends_and_gets_vp8():
    async with serve() as served, Browser(served, codec="video/VP8", edit=as_firefox_without_h264) as browser:
        lines = browser.answer.splitlines()
        video = lines[next(i for i, line in enumerate(lines) if line.startswith("m=video")) :]
        names = {line.split()[1] for line in video if line.startswith("a=rtpmap")}
        assert {name for name in names if name != "rtx/90000"} == {"VP8/90000"}
        parameters = [line.split()[0] for line in video if line.startswith("a=fmtp")]
        assert len(parameters) == len(set(parameters))
        await browser.until_brightness(0.5)
        browser.camera.level = 0.8
        await browser.until_brightness(0.8)
        assert (await served.http.get(browser.location)).json()["face"] is True


async def test_h264_is_chosen_and_the_answer_asks_for_bitrate():
    async with serve() as served, Browser(served) as browser:
        lines = browser.answer.splitlines()
        first = next(line for line in lines if line.startswith("m=video")).split()[3]
        assert f"a=rtpmap:{first} H264/90000" in lines
        hinted = {line.split()[0] for line in lines if "x-google-start-bitrate=1500" in line}
        codecs = [line.split(":")[1].split()[0] for line in lines if line.endswith(("H264/90000", "VP8/90000"))]
        assert hinted == {f"a=fmtp:{codec}" for codec in codecs}
        assert "\r\n" in browser.answer


async def test_the_view_changes_the_avatar_and_nonsense_is_answered():
    async with serve() as served, Browser(served, Camera(0.25)) as browser:
        await browser.until_brightness(0.25)
        browser.send(type="view", mode="wireframe", yaw=0.5, pitch=0.1, zoom=2)
        await browser.until(lambda: abs(browser.avatar[200:300, 50:150].mean() / 255 - 0.75) < 0.05)
        for nonsense in ('{"type":"view","mode":"x"}', "{", '{"type":"dance"}', "[]", '{"type":"ping","id":NaN}'):
            before = len(browser.of("notice"))
            browser.channel.send(nonsense)
            await browser.until(lambda before=before: len(browser.of("notice")) > before)
            assert browser.of("notice")[-1]["code"] == "bad-control"
        browser.channel.send("x" * 10_000)
        assert "at most" in (await browser.message("notice"))["message"]
        browser.send(type="view", mode="avatar")
        await browser.until(lambda: abs(browser.avatar[200:300, 50:150].mean() / 255 - 0.25) < 0.05)


async def test_calibration_by_channel_and_by_http():
    async with serve() as served, Browser(served, Camera(0.0)) as browser:
        await browser.message("frame")
        browser.send(type="calibrate")
        refused = await browser.message("calibrated")
        assert refused["ok"] is False and "no face" in refused["reason"] and refused["error"]["code"] == "no-face"
        response = await served.http.post(browser.location + "/calibrate")
        assert response.status_code == 409 and response.json()["ok"] is False
        browser.camera.level = 0.4
        await browser.until(lambda: browser.of("frame")[-1]["expression"][JAW] > 0.37)
        browser.send(type="calibrate")
        assert (await browser.message("calibrated"))["ok"] is True
        await browser.until(lambda: browser.of("frame")[-1]["expression"][JAW] < 0.03)
        assert (await served.http.post(browser.location + "/calibrate")).json() == {"ok": True, "reason": ""}


async def test_the_engine_dies_in_mid_call_and_the_call_goes_on():
    async with serve() as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        os.kill(served.live.engine.pid, signal.SIGKILL)
        notice = await browser.message("notice")
        assert notice["code"] == "engine-restarted" and "goes on" in notice["message"].replace("go on", "goes on")
        browser.camera.level = 0.8
        await browser.until_brightness(0.8)
        assert (await served.http.get("/healthz")).json()["engine_restarts"] == 1


async def test_a_resolution_change_in_mid_call():
    async with serve() as served, Browser(served, Camera(0.5, (640, 480))) as browser:
        await browser.until_brightness(0.5)
        for size, level in (((1280, 720), 0.3), ((480, 640), 0.7), ((160, 120), 0.4)):
            browser.camera.size, browser.camera.level = size, level
            await browser.until_brightness(level)


async def test_a_frozen_camera_keeps_the_avatar_drawn_and_is_told(monkeypatch):
    monkeypatch.setattr(peer, "FROZEN_SECONDS", 0.4)
    async with serve() as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        browser.camera.paused = True
        assert (await browser.message("notice"))["code"] == "camera-frozen"
        browser.send(type="view", mode="wireframe")
        await browser.until(lambda: browser.avatar[200:300, 50:150].std() < 20 and browser.messages)
        frame = await browser.message("frame")
        assert frame["face"] is True
        browser.camera.paused = False
        browser.camera.level = 0.9
        await browser.until(lambda: browser.of("frame")[-1]["expression"][JAW] > 0.85)


async def test_a_slow_engine_does_not_build_up_delay():
    async with serve(live_fakes.slow_pipeline) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        session = served.live.sessions.get(browser.session)
        await until(lambda: session.state()["dropped"] > 40)
        before = session.state()["frame"]
        browser.camera.level = 0.9
        await until(lambda: session.last.result.codes.expression[JAW] > 0.85)
        # The forty would have come first.
        assert session.state()["frame"] - before < 20


async def test_two_browsers_at_once():
    async with serve() as served, Browser(served, Camera(0.3)) as one, Browser(served, Camera(0.8)) as two:
        await asyncio.gather(one.until_brightness(0.3), two.until_brightness(0.8))
        assert one.session != two.session
        await one.pc.close()
        two.camera.level = 0.5
        await two.until_brightness(0.5)


async def test_a_second_camera_and_a_microphone_change_nothing():
    more = (Camera(0.9), AudioStreamTrack())
    async with serve() as served, Browser(served, Camera(0.4), more=more) as browser:
        await browser.until_brightness(0.4)
        jaws = [(await browser.message("frame"))["expression"][JAW] for _ in range(8)]
        assert max(jaws) < 0.45


# --- the parts, one by one ------------------------------------------------------------------------------------------


class Burst(Camera):
    """Delivers all at once, then ends."""

    def __init__(self, count):
        super().__init__()
        self.left = count

    async def recv(self):
        if self.left == 0:
            raise MediaStreamError
        self.left -= 1
        return av.VideoFrame.from_ndarray(np.full((48, 64, 3), self.left, np.uint8), "rgb24")


async def test_a_backlog_is_drained_to_the_newest_frame():
    newest = NewestFrame(Burst(50))
    # Never yields while frames are at hand, like a backlog in aiortc's queue.
    drain = asyncio.create_task(newest.drain())
    await drain
    assert newest.received == 50
    with pytest.raises(MediaStreamError):
        await newest.take(1)


async def test_take_gives_each_frame_once_and_times_out():
    camera = Camera()
    newest = NewestFrame(camera)
    drain = asyncio.create_task(newest.drain())
    first, second = await newest.take(1), await newest.take(1)
    assert first.frame is not second.frame and second.arrived > first.arrived
    before = newest.received
    await until(lambda: newest.received >= before + 5)
    third = await newest.take(1)
    assert third.skipped >= 4 and first.skipped + second.skipped + third.skipped == newest.received - 3
    camera.paused = True
    assert await newest.take(1) is not None, "the one that was on its way"
    assert await newest.take(0.05) is None
    drain.cancel()


async def test_the_avatar_track_sends_the_newest_and_repeats_it():
    handed = []
    track = AvatarTrack(handed.append)
    first = await track.recv()
    assert (first.width, first.height) == (512, 512)
    for i in range(5):
        track.push(np.full((512, 512, 3), 50 * i, np.uint8), i + 1)
    frame = await track.recv()
    assert frame.to_ndarray(format="rgb24")[0, 0, 0] == 200 and handed == [5]
    again = await track.recv()
    assert again.pts > frame.pts > first.pts and handed == [5]
    assert 0.3 < float((again.pts - frame.pts) * again.time_base) < 2
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (640, 480)), ((1280, 720), (640, 360)), ((720, 1280), (360, 640)), ((320, 240), (320, 240)),
     ((4000, 3), (640, 2)), ((641, 2), (640, 2))],
)  # fmt: skip
def test_pictures_are_fitted(size, expected):
    assert fit_size(*size) == expected
    frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 77, np.uint8), "rgb24")
    rgb = to_rgb(frame)
    assert rgb.shape == (expected[1], expected[0], 3) and abs(int(rgb.mean()) - 77) <= 1


def test_colours_survive_the_conversion():
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32, 0] = 200
    picture[:, 32:, 2] = 150
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
    again = to_rgb(frame)
    assert np.abs(again[:, :28].mean((0, 1)) - (200, 0, 0)).max() < 6
    assert np.abs(again[:, 36:].mean((0, 1)) - (0, 0, 150)).max() < 6


def _noise_frames(count):
    rng = np.random.default_rng(5)
    base = rng.integers(0, 255, (8, 8, 3), np.uint8).repeat(64, 0).repeat(64, 1)
    for i in range(count):
        frame = av.VideoFrame.from_ndarray(np.roll(base, 3 * i, 1), "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = 3000 * i, Fraction(1, 90000)
        yield frame


def test_the_h264_encoder_has_quick_settings_and_holds_its_bitrate():
    aiortc_patches.install()
    encoder = rtcrtpsender.get_encoder(RTCRtpCodecParameters("video/H264", 90000, payloadType=100))
    assert isinstance(encoder, aiortc_patches.LiveH264Encoder)
    standard = H264Encoder()
    assert encoder.target_bitrate == aiortc_patches.START_BITRATE > standard.target_bitrate
    coders = {"ours": encoder, "standard": standard}
    sent = {name: [b"".join(coder.encode(frame)[0]) for frame in _noise_frames(45)] for name, coder in coders.items()}
    # x264 writes its settings into the first frame: what only the ultrafast preset and zerolatency set.
    assert b"subme=0" in sent["ours"][0] and b"rc_lookahead=0" in sent["ours"][0] and b"threads=1 " in sent["ours"][0]
    assert b"subme=0" not in sent["standard"][0]
    rate = 8 * 30 * np.mean([len(data) for data in sent["ours"][15:]])
    assert rate < 1.3 * aiortc_patches.START_BITRATE
    assert max(map(len, encoder.encode(next(_noise_frames(1)), force_keyframe=True)[0])) <= 1300


def test_sixty_frames_a_second_take_the_bitrate_of_thirty():
    """x264 divides the bitrate by the rate that it was told; told 30, it would send twice as much."""
    encoder, sizes = aiortc_patches.LiveH264Encoder(), []
    for i, frame in enumerate(_noise_frames(120)):
        frame.pts, frame.time_base = 1500 * i, Fraction(1, 90_000)
        sizes.append(sum(map(len, encoder.encode(frame)[0])))
    assert encoder.codec.framerate == 60
    assert 8 * 60 * np.mean(sizes[60:]) < 1.3 * aiortc_patches.START_BITRATE
    codec = encoder.codec
    for i, frame in enumerate(_noise_frames(40)):  # the camera slows down a little: no key frame for that
        frame.pts, frame.time_base = 1500 * 120 + 2100 * i, Fraction(1, 90_000)
        encoder.encode(frame)
    assert encoder.codec is codec


def test_the_h264_bitrate_moves_but_not_to_the_floor_and_not_for_trifles():
    encoder = aiortc_patches.LiveH264Encoder()
    frames = _noise_frames(6)
    encoder.encode(next(frames))
    codec = encoder.codec
    encoder.target_bitrate = 1_800_000
    encoder.encode(next(frames))
    assert encoder.codec is codec
    encoder.target_bitrate = 100_000
    assert encoder.target_bitrate == aiortc_patches.MIN_BITRATE
    encoder.encode(next(frames))
    assert encoder.codec is not codec and encoder.codec.bit_rate == aiortc_patches.MIN_BITRATE


def _packet(sequence, timestamp, marker):
    packet = RtpPacket(sequence_number=sequence % 65536, timestamp=timestamp, marker=marker)
    packet._data = bytes([sequence % 256])  # type: ignore[attr-defined]
    return packet


@pytest.mark.parametrize("start", [0, 65533])
def test_a_frame_is_released_by_its_own_last_packet(start):
    prompt, standard = (cls(capacity=512, is_video=True) for cls in (aiortc_patches.PromptJitterBuffer, JitterBuffer))
    released, late = [], []
    for i in range(30):
        packet = (start + i, 1000 * (i // 3), int(i % 3 == 2))
        for buffer, out in ((prompt, released), (standard, late)):
            _, frame = buffer.add(_packet(*packet))
            if frame is not None:
                out.append((i, frame.timestamp, frame.data))
    assert [r[0] for r in released] == [2 + 3 * k for k in range(10)]
    # The same frames as the standard buffer's, but before the next frame's first packet.
    assert [r[1:] for r in released][:9] == [r[1:] for r in late]
    assert [r[0] for r in late] == [3 + 3 * k for k in range(9)]


def test_packets_out_of_order_and_frames_without_a_marker():
    buffer = aiortc_patches.PromptJitterBuffer(capacity=512, is_video=True)
    order = [(0, 0, 0), (2, 0, 1), (1, 0, 0), (3, 1, 0), (4, 2, 0)]
    out = [buffer.add(_packet(*packet))[1] for packet in order]
    assert [frame.data if frame else None for frame in out] == [None, None, b"\x00\x01\x02", None, b"\x03"]


def test_install_is_idempotent():
    aiortc_patches.install()
    aiortc_patches.install()
    assert rtcrtpreceiver.JitterBuffer is aiortc_patches.PromptJitterBuffer


def test_mdns_candidates_are_left_out():
    offer = "a=candidate:1 1 udp 1 abc-def.local 1000 typ host\r\na=candidate:2 1 udp 1 10.0.0.1 1 typ host\r\n"
    offer = "v=0\r\n" + offer + "a=end-of-candidates\r\na=mid:0\r\n"
    assert sdp.without_names(offer) == "v=0\r\na=candidate:2 1 udp 1 10.0.0.1 1 typ host\r\na=mid:0\r\n"
    plain = offer.replace("abc-def.local", "10.0.0.2")
    assert sdp.without_names(plain) == plain


async def test_sessions_leave_nothing_behind(monkeypatch):
    monkeypatch.setattr(engine_client, "RESERVE_SECONDS", (1e9, 1e9))  # its pipes would be counted

    def open_things(pid):
        return len(list(Path(f"/proc/{pid}/fd").iterdir())), len(list(Path(f"/proc/{pid}/task").iterdir()))

    async with serve() as served:

        async def visit():
            async with Browser(served) as browser:
                await browser.until(lambda: browser.avatars > 2 and browser.of("frame"))
            await until(lambda: not len(served.live.sessions))

        def count():
            # A closed connection's decoders, threads and all, hang in cycles until the collector comes by.
            gc.collect()
            return *open_things(os.getpid()), *open_things(served.live.engine.pid)

        async def three_visits():
            await asyncio.gather(*(visit() for _ in range(3)))

        await three_visits()
        counts = [count()]
        await until(lambda: counts.append(count()) or counts[-1] == counts[-2])
        for _ in range(2):
            await three_visits()
        # Pools may grow once; what every session left would show up three times.
        await until(lambda: all(late <= early + 2 for early, late in zip(counts[-1], count(), strict=True)))


def test_both_copies_of_the_sample_show_the_same():
    folder = Path(__file__).resolve().parents[3] / "web_client" / "sample"
    pictures = []
    for suffix in (".mp4", ".webm"):
        with av.open(str(folder / f"sample{suffix}")) as clip:
            assert clip.streams.video[0].codec_context.name in ("h264", "vp9")
            pictures.append([frame.to_ndarray(format="gray") for frame in clip.decode(video=0)])
    assert len(pictures[0]) == len(pictures[1]) == 270
    for a, b in zip(pictures[0][::30], pictures[1][::30], strict=True):
        assert np.abs(a.astype(int) - b).mean() < 2
    assert (folder / "sample.webm").stat().st_size < 300_000
