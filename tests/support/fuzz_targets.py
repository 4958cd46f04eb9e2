"""What the server reads from strangers, as functions of bytes, with sound seeds of each: for fuzzing.

A target returns, or raises a Face3DError with a code. Everything else that it raises is a finding.
"""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import AsyncGenerator, Callable
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
from avatar_support import fox, pack, tiny
from PIL import Image
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException
from takes_support import CAMERA, frames, with_gap, write

from face3d_live import strict_json
from face3d_live.avatar.load import load_avatar
from face3d_live.errors import InputError
from face3d_live.export.params import Params, params_bytes, params_from
from face3d_live.live.http.studio_routes import MemoryParser
from face3d_live.live.ice import IceServer
from face3d_live.live.outputs import address
from face3d_live.live.stream.subscription import Subscription
from face3d_live.live.studio.view_messages import StudioView
from face3d_live.live.webrtc import data_channel, sdp
from face3d_live.mapping.profile import Profile as Mapping
from face3d_live.protocols.vtube_studio import Plugin
from face3d_live.reconstruct.photo import load_photo
from face3d_live.takes import formats
from face3d_live.track.calibration import Calibration
from face3d_live.track.profile import Profile

#: An offer as Chromium makes it, shortened: a camera, a microphone, a data channel.
OFFER = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host generation 0
a=candidate:2 1 udp 2113937151 7f1e1a5c-0000.local 50001 typ host
a=ice-ufrag:4ZcD
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlat
a=fingerprint:sha-256 75:74:5A:A6:A4:E5:52:F4:A7:67:4C:01:C7:EE:91:3F:21:3D:A2:E3:53:7B:6F:30:86:F2:30:AA:65:FB:04:24
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 H264/90000
a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=ssrc-group:FID 1 2
a=ssrc:1 cname:x
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=rtpmap:111 opus/48000/2
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5000
a=max-message-size:262144
"""


Seeds = tuple[bytes, ...]


class Target:
    """run: reads one input. seeds: sound ones, or what makes them at their first use."""

    def __init__(self, seeds: Seeds | Callable[[], Seeds], run: Callable[[bytes], object]) -> None:
        self._given, self.run = seeds, run

    @cached_property
    def seeds(self) -> Seeds:
        """Not empty."""
        return self._given() if callable(self._given) else self._given


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _sdp(data: bytes) -> None:
    text = _text(data)
    sdp.check_offer(text)
    sdp.with_bitrate(sdp.without_names(text))


def _control(data: bytes) -> None:
    for message in (data, _text(data)):
        command = data_channel.parse(message, 0.0)
        if isinstance(command, data_channel.Ping):
            json.dumps([command.id, command.t], allow_nan=False).encode()


def _sockets(data: bytes) -> None:
    text = _text(data)
    try:
        StudioView.from_text(text)
    except InputError:
        Subscription.from_query(dict(parse_qsl(text, keep_blank_values=True)))


async def _parsed(data: bytes) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield data

    headers = Headers({"content-type": "multipart/form-data; boundary=abc"})
    return await MemoryParser(headers, stream(), max_files=1, max_fields=6, max_part_size=1024).parse()


def _multipart(data: bytes) -> None:
    try:
        form = asyncio.run(_parsed(data))
    except (MultiPartException, ValueError, KeyError):  # as studio_routes does
        return
    asyncio.run(form.close())


def _take(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / ("a.npz" if data[:2] == b"PK" else "a.jsonl")
        path.write_bytes(data)
        formats.load_take(path)


def _profile(data: bytes) -> None:
    text = _text(data)
    if text.lstrip().startswith("{"):
        person = Profile.parse(data)
        assert Profile.parse(person.to_text()).person == person.person
    else:
        mapping = Mapping.from_toml(text)
        assert Mapping.from_toml(mapping.to_toml()).to_toml() == mapping.to_toml()


def _address(data: bytes) -> None:
    text = _text(data)
    if text.startswith(("stun", "turn")):
        IceServer.parse(text)
    else:
        assert address.parse(address.parse(text).url)


def _vts(data: bytes) -> None:
    try:
        Plugin(("a", "b"), token="t").receive(data)
    except ValueError:
        return


def _json(data: bytes) -> None:
    try:
        plain = strict_json.loads(data)
    except ValueError:
        return
    json.dumps(plain, allow_nan=False, ensure_ascii=False).encode()


def _pictures() -> tuple[bytes, ...]:
    pixels = np.random.default_rng(1).integers(0, 255, (120, 96, 3), np.uint8)
    made = []
    for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, form)
        made.append(out.getvalue())
    return tuple(made)


def _takes() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.jsonl", with_gap(frames(8)))
        take = formats.load_take(path)
        return path.read_bytes(), formats.to_bytes(take, ".npz")


def _params() -> bytes:
    return params_bytes(Params(frames(1)[0].codes, np.zeros((68, 3), np.float32), CAMERA))


def targets() -> dict[str, Target]:
    """All of them, by name."""
    form = b'--abc\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\nContent-Type: image/png'
    form += b"\r\n\r\nxx\r\n"
    field = b'--abc\r\nContent-Disposition: form-data; name="face"\r\n\r\n1\r\n--abc--\r\n'
    control = [
        {"type": "view", "mode": "overlay", "yaw": 0.5, "pitch": 1, "zoom": 2}, {"type": "ping", "id": 1, "t": 2.5},
        {"type": "calibrate"},
    ]  # fmt: skip
    view = {"mode": "avatar", "yaw": 0.1, "zoom": 1, "fine": True, "expression": {"jawOpen": 0.5}}
    person = Profile.fresh(Calibration.identity(), "me").to_text().encode()
    mapping = b'version = 1\npreset = "vrm1"\nlink = ["gaze"]\n[channels.jawOpen]\ngain = 1.5\nrename = "x"\n'
    vts = {"messageType": "AuthenticationResponse", "requestID": "1", "data": {"authenticated": True, "errorID": 8}}
    return {
        "sdp": Target((OFFER.replace("\n", "\r\n").encode(),), _sdp),
        "control": Target(tuple(json.dumps(each).encode() for each in control), _control),
        "websocket": Target((json.dumps(view).encode(), b"format=binary&rate=15&names=jawOpen,jawLeft"), _sockets),
        "multipart": Target((form + field,), _multipart),
        "take": Target(_takes, _take),
        "avatar": Target(lambda: (pack(*tiny()), fox("glb"), fox("vrm")), load_avatar),
        "profile": Target((person, mapping), _profile),
        "params": Target(lambda: (_params(),), params_from),
        "picture": Target(_pictures, load_photo),
        "address": Target((b"vmc://127.0.0.1:39539?names=vrm1&rate=60", b"livelink://[fe80::1]:11111?subject=Face%20A",
                           b"turn:me:secret@turn.example.org:3478?transport=tcp"), _address),
        "vtube-studio": Target((json.dumps(vts).encode(),), _vts),
        "json": Target((json.dumps([*control, view, "\u00e9\ud83d\ude00"]).encode(),), _json),
    }  # fmt: skip
