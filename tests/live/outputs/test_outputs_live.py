"""From the camera's picture to every receiver: a head whose codes are known is drawn and followed by the real engine.

It arrives over real sockets in all formats at once, under the right names and with the signs of docs/outputs.md.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets
from live_helpers import serve
from outputs_helpers import Receiver
from protocol_frames import LEFT, TILT_LEFT, UP
from pylivelinkface import FaceBlendShape, PyLiveLinkFace
from pythonosc.osc_bundle import OscBundle
from takes_support import expression
from vts_mock import VTubeStudio
from waiting import until

from face3d_live.codes import ARKIT
from face3d_live.live.engine.factory import make_pipeline
from face3d_live.protocols import ifacialmocap, openseeface

SAMPLE = Path(__file__).resolve().parents[3] / "web_client" / "sample"
FPS = 20
#: Frames of each act, so that the filters have settled at its end.
HOLD = 14

#: What the head does, one thing after another.
ACTS = {
    "rest": {},
    "jaw": {"expression": expression(jawOpen=0.9)},
    "blink_left": {"expression": expression(eyeBlinkLeft=1)},
    "blink_right": {"expression": expression(eyeBlinkRight=1)},
    "yaw": {"rotation": LEFT},
    "pitch": {"rotation": UP},
    "roll": {"rotation": TILT_LEFT},
}


def pictures() -> dict[str, np.ndarray]:  # (480, 640, 3) each
    """The acts, drawn as the sample clip is."""
    sys.path.insert(0, str(SAMPLE))
    try:
        import make_sample  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(SAMPLE))
    person = make_sample.codes()[0].with_(expression=expression(), rotation=np.eye(3))
    acts = [person.with_(**act) for act in ACTS.values()]
    return dict(zip(ACTS, make_sample.frames(acts), strict=True))


# --- the receivers: each one's newest message as the subject's own movements ------------------------------------------
# Degrees: yaw to the subject's left, pitch up, roll with the crown to the left. The signs are those of the docs' table.


def about(x: float, y: float, z: float, w: float) -> np.ndarray:  # (3,)
    """A quaternion's axis, as long as its angle."""
    vector = np.array([x, y, z], float)
    length = np.linalg.norm(vector)
    return vector * math.degrees(2 * math.atan2(length, abs(w))) * math.copysign(1 / max(length, 1e-9), w)


def from_stream(values: dict[str, float], rotation) -> dict[str, float]:
    x, y, z = about(*rotation)
    blinks = {"blink_left": values["eyeBlinkLeft"], "blink_right": values["eyeBlinkRight"]}
    return {"jaw": values["jawOpen"], "yaw": y, "pitch": -x, "roll": -z} | blinks


def from_json(message: str) -> dict[str, float]:
    plain = json.loads(message)
    return from_stream(plain["expression"], plain["rotation"])


def from_binary(message: bytes) -> dict[str, float]:
    numbers = np.frombuffer(message, "<f4", 56, 13)
    return from_stream(dict(zip(ARKIT, numbers.tolist(), strict=False)), numbers[52:])


def from_vmc(packets: list[bytes]) -> dict[str, float]:
    messages = [message for packet in packets for message in OscBundle(packet)]
    blends = dict(m.params for m in messages if m.address == "/VMC/Ext/Blend/Val")
    bones = {m.params[0]: m.params[4:] for m in messages if m.address == "/VMC/Ext/Bone/Pos"}
    x, y, z = about(*bones["Neck"]) + about(*bones["Head"])  # one turn, shared
    blinks = {"blink_left": blends["EyeBlinkLeft"], "blink_right": blends["EyeBlinkRight"]}
    return {"jaw": blends["JawOpen"], "yaw": -y, "pitch": -x, "roll": z} | blinks


def from_livelink(packet: bytes) -> dict[str, float]:
    found, face = PyLiveLinkFace.decode(packet)
    assert found
    value = face.get_blendshape
    return {
        "jaw": value(FaceBlendShape.JawOpen),
        "blink_left": value(FaceBlendShape.EyeBlinkLeft),
        "blink_right": value(FaceBlendShape.EyeBlinkRight),
        "yaw": math.degrees(value(FaceBlendShape.HeadYaw)),
        "pitch": -math.degrees(value(FaceBlendShape.HeadPitch)),
        "roll": -math.degrees(value(FaceBlendShape.HeadRoll)),
    }


def from_ifacialmocap(packet: bytes) -> dict[str, float]:
    read = ifacialmocap.decode(packet)
    x, y, z = read.head
    blinks = {"blink_left": read.values["eyeBlinkLeft"], "blink_right": read.values["eyeBlinkRight"]}
    return {"jaw": read.values["jawOpen"], "yaw": y, "pitch": -x, "roll": -z} | blinks


def from_osf(packet: bytes) -> dict[str, float]:
    read: dict[str, Any] = openseeface.decode(packet)
    x, y, z = read["angles"]
    right, left = read["open"]
    angles = {"yaw": y, "pitch": (180 - x + 180) % 360 - 180, "roll": 90 - z}
    return {"jaw": read["features"]["mouth_open"], "blink_left": 1 - left, "blink_right": 1 - right} | angles


def from_vts(values: dict[str, float]) -> dict[str, float]:
    blinks = {"blink_left": 1 - values["EyeOpenLeft"], "blink_right": 1 - values["EyeOpenRight"]}
    angles = {"yaw": values["FaceAngleX"], "pitch": values["FaceAngleY"], "roll": values["FaceAngleZ"]}
    return {"jaw": values["MouthOpen"]} | blinks | angles


# --- the proof --------------------------------------------------------------------------------------------------------


class Audience:
    """All receivers at once; `newest` empties them and says what each one got last."""

    def __init__(self, text, binary, studio: VTubeStudio, sockets: dict[str, Receiver]) -> None:
        self.text, self.binary, self.studio, self.sockets = text, binary, studio, sockets
        self.heard: dict[str, list] = {"json": [], "binary": []}
        self.tasks = [asyncio.create_task(self.listen(kind)) for kind in self.heard]

    async def listen(self, kind: str) -> None:
        async for message in {"json": self.text, "binary": self.binary}[kind]:
            self.heard[kind].append(message)

    def newest(self) -> dict[str, dict[str, float]]:
        packets = {kind: there.packets() for kind, there in self.sockets.items()}
        return {
            "json": from_json(self.heard["json"][-1]),
            "binary": from_binary(self.heard["binary"][-1]),
            "vmc": from_vmc(last_frame(packets["vmc"])),
            "livelink": from_livelink(packets["livelink"][-1]),
            "ifacialmocap": from_ifacialmocap(packets["ifacialmocap"][-1]),
            "osf": from_osf(packets["osf"][-1]),
            "vts": from_vts(self.studio.values),
        }


def last_frame(packets: list[bytes]) -> list[bytes]:
    """A frame of VMC is several bundles, of which the last one ends in Apply."""
    ends = [i for i, packet in enumerate(packets) if b"/VMC/Ext/Blend/Apply" in packet]
    assert len(ends) >= 2
    return packets[ends[-2] + 1 : ends[-1] + 1]


async def act(served, session, audience: Audience, picture: np.ndarray, first: int) -> dict[str, dict[str, float]]:
    """Show the camera one picture for a while, as fast as the engine takes it; what has arrived then, everywhere."""
    for number in range(first, first + HOLD):
        before = session.state()["frame"]
        session.submit(picture, number / FPS, time.monotonic())
        await until(lambda: session.state()["frame"] > before, 60)  # noqa: B023
    sent = session.state()["frame"]
    await until(lambda: json.loads(audience.heard["json"][-1])["frame"] == sent, 20)
    await until(lambda: len(audience.heard["binary"]) == len(audience.heard["json"]), 20)
    outputs = list(served.live.outputs)
    await until(lambda: all(output.mapped is not None and output.mapped.frame.frame == sent for output in outputs))
    (plugin,) = (output.mapped for output in outputs if output.address.kind == "vts")
    values = dict(zip(plugin.names, plugin.values.tolist(), strict=True))
    await until(lambda: audience.studio.values == pytest.approx(values, abs=1e-3))
    assert all(output.error is None for output in served.live.outputs)
    return audience.newest()


@pytest.mark.slow
async def test_a_drawn_head_is_followed_into_every_receiver(tmp_path):
    drawn = await asyncio.to_thread(pictures)
    sockets = {kind: Receiver() for kind in ("vmc", "livelink", "ifacialmocap", "osf")}
    studio, got = VTubeStudio(), {}
    async with studio.listen() as port:
        urls = [f"{kind}://127.0.0.1:{there.port}?rate=120" for kind, there in sockets.items()]
        urls.append(f"vts://127.0.0.1:{port}?rate=120")
        pipeline = functools.partial(make_pipeline, "cpu", "auto")
        async with serve(pipeline, config=tmp_path, outputs=tuple(urls)) as served:
            session = served.live.sessions.open("source")
            stream = f"{served.ws}/api/sessions/{session.id}/expressions"
            async with websockets.connect(stream) as text, websockets.connect(f"{stream}?format=binary") as binary:
                await text.recv(), await binary.recv()  # the hellos
                await until(lambda: studio.requests.count("AuthenticationRequest") == 1, 20)
                audience = Audience(text, binary, studio, sockets)
                for i, (name, picture) in enumerate(drawn.items()):
                    got[name] = await act(served, session, audience, picture, i * HOLD)
                for task in audience.tasks:
                    task.cancel()
            served.live.sessions.close(session)
    for there in sockets.values():
        there.close()
    for kind in got["rest"]:
        check(kind, {name: heard[kind] for name, heard in got.items()}, {n: heard["json"] for n, heard in got.items()})


def check(kind: str, did: dict[str, dict[str, float]], stream: dict[str, dict[str, float]]) -> None:
    """did: what one receiver heard in each act; stream: what the expression stream said. How well the network sees is
    for others to test: here the right thing must move, the right way, and be the same everywhere."""
    rest = did["rest"]
    for name, heard in did.items():
        for part, value in heard.items():
            turn = part in ("yaw", "pitch", "roll")
            # VTube Studio's and OpenSeeFace's mouths are mixtures; angles have more than one way to be counted.
            assert value == pytest.approx(stream[name][part], abs=1.5 if turn else 0.2), (kind, name, part)
            if turn and name != part:
                assert abs(value) < 10, (kind, name, part)
    assert did["jaw"]["jaw"] - rest["jaw"] > 0.3, kind
    for side, other in (("blink_left", "blink_right"), ("blink_right", "blink_left")):
        assert did[side][side] - rest[side] > 0.3, (kind, side)
        assert did[side][side] - did[side][other] > 0.1, (kind, side)
    for turn in ("yaw", "pitch", "roll"):
        assert did[turn][turn] - rest[turn] == pytest.approx(20, abs=8), (kind, turn)
