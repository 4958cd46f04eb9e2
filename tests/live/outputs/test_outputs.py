"""Outputs: a scripted face arrives in every receiver over real sockets; receivers that are away; the API; filters."""

import asyncio
import json
import logging
import math
import socket
import stat
import time

import numpy as np
import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from live_helpers import serve
from outputs_helpers import Receiver, blends_of, play
from protocol_frames import LEFT, TURN, frame_of
from pylivelinkface import FaceBlendShape, PyLiveLinkFace
from vts_mock import VTubeStudio
from waiting import beats, until

from face3d_live.codes import INDEX
from face3d_live.errors import InputError
from face3d_live.live import main
from face3d_live.live.network import NetworkOptions
from face3d_live.live.outputs import output as output_module
from face3d_live.live.outputs.address import KINDS, parse
from face3d_live.live.outputs.manager import MAX_OUTPUTS, OutputManager
from face3d_live.live.outputs.output import Output
from face3d_live.live.outputs.senders import prepare
from face3d_live.live.rate_limiter import RateLimiter
from face3d_live.mapping.profile import Channel, Profile
from face3d_live.mapping.store import ProfileStore
from face3d_live.protocols import ifacialmocap, openseeface


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def script():
    """A scripted face: rest, then a left smile, an open jaw and a left wink with the head turned to the left."""
    rest = [frame_of(t=i / 30) for i in range(4)]
    act = [frame_of(LEFT, t=(4 + i) / 30, mouthSmileLeft=0.75, jawOpen=0.5, eyeBlinkLeft=1) for i in range(20)]
    return rest + act


# --- the proof ------------------------------------------------------------------------------------------------------


async def test_a_scripted_face_arrives_in_every_receiver(tmp_path):
    receivers = {kind: Receiver() for kind in ("vmc", "livelink", "ifacialmocap", "osf")}
    studio = VTubeStudio()
    async with studio.listen() as port:
        outputs = OutputManager(tmp_path)
        prepare("osf")
        for kind, there in receivers.items():
            outputs.add(f"{kind}://127.0.0.1:{there.port}")
        outputs.add(f"vts://127.0.0.1:{port}")
        await play(outputs.offer, script(), 30)
        await until(lambda: studio.values.get("MouthOpen", 0) > 0.5)
        state = {output.address.kind: output.to_json() for output in outputs}
        await outputs.stop()
    got = {kind: there.packets() for kind, there in receivers.items()}
    for there in receivers.values():
        there.close()

    blends = blends_of(got["vmc"][-3:])
    assert (blends["MouthSmileLeft"], blends["MouthSmileRight"], blends["JawOpen"]) == (0.75, 0, 0.5)
    assert (blends["EyeBlinkLeft"], blends["EyeBlinkRight"]) == (1, 0)

    found, face = PyLiveLinkFace.decode(got["livelink"][-1])
    assert found and face.get_blendshape(FaceBlendShape.MouthSmileLeft) == 0.75
    assert face.get_blendshape(FaceBlendShape.HeadYaw) == pytest.approx(TURN, abs=1e-5)

    packet = ifacialmocap.decode(got["ifacialmocap"][-1])
    assert (packet.values["mouthSmileLeft"], packet.values["mouthSmileRight"]) == (0.75, 0)
    assert packet.head[1] == pytest.approx(20, abs=0.01)

    osf = openseeface.decode(got["osf"][-1])
    assert osf["angles"] == pytest.approx((180, 20, 90), abs=0.1) and osf["open"] == (1, 0)
    assert osf["features"]["mouth_corner_updown_l"] == -0.75 and osf["features"]["mouth_open"] == 0.5

    assert studio.face is True and studio.errors == []
    assert studio.values["FaceAngleX"] == pytest.approx(20, abs=0.01)
    assert (studio.values["EyeOpenLeft"], studio.values["EyeOpenRight"]) == (0, 1)
    for kind, plain in state.items():
        assert plain["state"] in ("sending", "waiting") and plain["error"] is None, (kind, plain)
        assert plain["frames"] >= 5 and 0 < plain["ms"] < 500  # how fast it is, bench/outputs.py says


async def test_a_mapping_is_obeyed_and_changed_while_it_runs(tmp_path, receiver):
    outputs = OutputManager(tmp_path)
    outputs.profiles.save("loud", Profile(mirror=True, channels={"jawOpen": Channel(gain=1.6)}))
    output = outputs.add(f"vmc://127.0.0.1:{receiver.port}?names=vrm1&mapping=loud")
    await play(outputs.offer, [frame_of(jawOpen=0.5, eyeBlinkLeft=1)] * 6)
    blends = blends_of(receiver.packets())
    assert blends["aa"] == pytest.approx(0.88) and (blends["blinkLeft"], blends["blinkRight"]) == (0, 1)
    await outputs.change(output, {"profile": {"channels": {"jawOpen": {"drop": True}}}})
    await play(outputs.offer, [frame_of(jawOpen=0.5, eyeBlinkLeft=1)] * 6)
    blends = blends_of(receiver.packets()[-1:])
    assert blends["aa"] == 0 and blends["blinkLeft"] == 1
    await outputs.change(output, {"names": "perfectsync"})
    await play(outputs.offer, [frame_of(jawOpen=0.5, tongueOut=1)] * 6)
    assert blends_of(receiver.packets()[-3:])["TongueOut"] == 1
    assert output.values()["outputs"]["TongueOut"] == 1 and output.values()["expression"][INDEX["jawOpen"]] == 0
    await outputs.stop()


async def test_the_newest_frame_wins_and_the_rate_is_kept(tmp_path, receiver):
    outputs = OutputManager(tmp_path)
    output = outputs.add(f"livelink://127.0.0.1:{receiver.port}?rate=10")
    await until(lambda: output.state == "waiting")
    began = time.monotonic()
    await play(outputs.offer, [frame_of(jawOpen=i / 100) for i in range(60)], 120)
    seconds = time.monotonic() - began
    await until(lambda: output.mapped.frame.expression[INDEX["jawOpen"]] == pytest.approx(0.59))
    jaws = [PyLiveLinkFace.decode(p)[1].get_blendshape(FaceBlendShape.JawOpen) for p in receiver.packets()]
    await outputs.stop()
    assert 3 <= len(jaws) <= 10 * seconds + 3 and output.packets == len(jaws)
    assert jaws == sorted(jaws) and jaws[-1] == pytest.approx(0.59)


async def test_an_output_follows_the_session_that_came_first_or_the_one_it_names(tmp_path, receiver):
    from dataclasses import replace

    now = [100.0]
    outputs = OutputManager(tmp_path, lambda: now[0])
    outputs.add(f"livelink://127.0.0.1:{receiver.port}")
    other = Receiver()
    outputs.add(f"livelink://127.0.0.1:{other.port}?session=b")
    a, b = replace(frame_of(jawOpen=0.25), session="a"), replace(frame_of(jawOpen=0.75), session="b")
    await play(outputs.offer, [a, b] * 8, 100)

    def jaws(there):
        return {PyLiveLinkFace.decode(p)[1].get_blendshape(FaceBlendShape.JawOpen) for p in there.packets()}

    assert jaws(receiver) == {0.25} and jaws(other) == {0.75}
    now[0] += 2
    await play(outputs.offer, [b] * 4, 100)
    assert jaws(receiver) == {0.75}
    await outputs.stop()
    other.close()


# --- receivers that are away ----------------------------------------------------------------------------------------


async def offered_until(outputs, condition):
    """Offer frames until something is so."""
    async with asyncio.timeout(60):
        async for _ in beats(30):
            if condition():
                return
            outputs.offer(frame_of(jawOpen=0.5))


@pytest.mark.slow
async def test_nobody_listens_then_somebody_does(tmp_path, receiver, caplog):
    port = receiver.port
    receiver.close()
    outputs = OutputManager(tmp_path)
    output = outputs.add(f"vmc://127.0.0.1:{port}")
    with caplog.at_level(logging.INFO, "face3d_live"):
        await play(outputs.offer, [frame_of()] * 90, 60)
        assert output.state == "failing" and output.error.code == "not-listening"
        assert len(caplog.records) == 1, caplog.text
        there = Receiver(port)
        await offered_until(outputs, lambda: output.state == "sending")
        assert output.error is None and blends_of(there.packets())["JawOpen"] == 0.5
        assert "works again" in caplog.text
    await outputs.stop()
    there.close()


async def test_an_unknown_host_and_a_name_that_means_the_internet(tmp_path, monkeypatch):
    outputs = OutputManager(tmp_path)
    unknown = outputs.add("vmc://no-such-machine.invalid")
    await until(lambda: unknown.error is not None)
    assert unknown.error.code == "unknown-host"
    loop = asyncio.get_running_loop()

    async def elsewhere(*args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("8.8.8.8", 39539))]

    monkeypatch.setattr(loop, "getaddrinfo", elsewhere)
    rebound = outputs.add("livelink://looks-harmless.example")
    await until(lambda: rebound.error is not None)
    assert rebound.error.code == "bad-address" and rebound.packets == 0
    await outputs.stop()


async def test_vtube_studio_comes_asks_goes_and_comes_back(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    outputs = OutputManager(tmp_path)
    output = outputs.add(f"vts://localhost:{port}")
    await until(lambda: output.state == "failing")
    assert output.error.code == "not-listening"
    for turn in range(2):
        studio = VTubeStudio()
        studio.tokens = {"token-0"} if turn else set()
        async with studio.listen(port):
            await offered_until(outputs, lambda studio=studio: studio.injections >= 4)
            assert studio.errors == [] and studio.requests.count("AuthenticationTokenRequest") == 1 - turn
    kept = tmp_path / "vtube-studio.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {f"localhost:{port}": "token-0"}
    await until(lambda: output.state == "failing")
    await outputs.stop()


async def test_vtube_studio_is_reminded_without_new_frames(tmp_path):
    studio = VTubeStudio()
    async with studio.listen() as port:
        outputs = OutputManager(tmp_path)
        outputs.add(f"vts://127.0.0.1:{port}")
        await until(lambda: studio.requests.count("AuthenticationRequest") == 1)
        outputs.offer(frame_of(jawOpen=0.5))
        await until(lambda: studio.injections == 1)
        await until(lambda: studio.injections == 3)  # it forgets after a second
        await outputs.stop()


async def test_vtube_studio_says_no(tmp_path, monkeypatch):
    monkeypatch.setattr(output_module, "BACKOFF", (0.0,))
    studio = VTubeStudio()
    studio.allows = False
    async with studio.listen() as port:
        outputs = OutputManager(tmp_path)
        output = outputs.add(f"vts://127.0.0.1:{port}")
        await until(lambda: output.state == "failing")
        assert output.error.code == "denied"
        # Nobody is asked over and over: long enough for another output to be denied, too.
        other = outputs.add(f"vts://localhost:{port}")
        await until(lambda: other.state == "failing")
        assert studio.requests == ["AuthenticationTokenRequest"] * 2
        await outputs.remove(other)
        studio.allows = True
        await outputs.change(output, {"enabled": False})
        assert output.state == "off"
        await outputs.change(output, {"enabled": True})
        await until(lambda: studio.requests.count("AuthenticationRequest") == 1)
        await outputs.stop()


async def test_something_else_at_vtube_studios_port(tmp_path):
    async with websockets.serve(lambda socket: socket.send("hello"), "127.0.0.1", 0) as server:
        outputs = OutputManager(tmp_path)
        output = outputs.add(f"vts://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await until(lambda: output.error is not None)
        assert output.error.code in ("not-vts", "closed")
        await outputs.stop()


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "bad-output"),
        ("vmc", "bad-output"),
        ("http://127.0.0.1:8080", "bad-output"),
        ("vmc://", "bad-output"),
        ("vmc://127.0.0.1:99999", "bad-output"),
        ("vmc://127.0.0.1/path", "bad-output"),
        ("vmc://me:secret@127.0.0.1", "bad-output"),
        ("vmc://127.0.0.1?nmaes=vrm1", "bad-output"),
        ("vmc://127.0.0.1?names=vrm1&names=vrm0", "bad-output"),
        ("vmc://127.0.0.1?rate", "bad-output"),
        ("vmc://127.0.0.1?rate=0", "bad-rate"),
        ("vmc://127.0.0.1?rate=nan", "bad-rate"),
        ("vmc://127.0.0.1?rate=fast", "bad-rate"),
        ("vmc://127.0.0.1?rate=1000", "bad-rate"),
        ("vmc://127.0.0.1?mirror=yes", "bad-output"),
        ("livelink://127.0.0.1?names=vrm1", "bad-output"),
        ("vmc://127.0.0.1?subject=x", "bad-output"),
        ("vmc://127.0.0.1?mapping=../x", "bad-output"),
        ("vmc://127.0.0.1:53", "bad-address"),
        ("vmc://127.0.0.1:0", "bad-address"),
        ("vmc://224.0.0.1", "bad-address"),
        ("vmc://239.255.255.250", "bad-address"),
        ("vmc://255.255.255.255", "bad-address"),
        ("vmc://0.0.0.0", "bad-address"),
        ("vmc://250.1.2.3", "bad-address"),
        ("vmc://8.8.8.8", "bad-address"),
        ("vmc://[ff02::1]", "bad-address"),
        ("vmc://[::]", "bad-address"),
        ("vmc://[::%25lo]", "bad-address"),
        ("vmc://[::2]", "bad-address"),
        ("vmc://[::ffff:224.0.0.1]", "bad-address"),
        ("vmc://[2606:4700::1111%25eth0]", "bad-address"),
        ("vmc://[2606:4700::1111]", "bad-address"),
        ("vmc://[::ffff:8.8.8.8]", "bad-address"),
        ("vmc://2130706433", "bad-output"),
        ("vmc://127.1", "bad-output"),
        ("vmc://a b", "bad-output"),
        ("vmc://" + "x" * 600, "bad-output"),
    ],
)
def test_urls_that_are_refused(url, code):
    with pytest.raises(InputError) as caught:
        parse(url)
    assert caught.value.code == code and len(caught.value.message) > 15


def test_urls_there_and_back():
    for url in (
        "vmc://127.0.0.1:39539",
        "vmc://192.168.1.7:39540?rate=30&names=vrm1&mapping=My%20face",
        "livelink://unreal-pc.local:11111?subject=Anna%20B",
        "vts://localhost:8001?mirror=1",
        "ifacialmocap://[fe80::1]:49983",
        "vmc://[::1]:39541",
        "vmc://[::ffff:127.0.0.1]:39541",
        "vmc://[fe80::1%25Eth0]:39541",
        "osf://ip6-localhost:11573",
        "livelink://100.64.0.9:11111?session=ab12",
    ):
        assert parse(url).url == url
    assert {kind: parse(f"{kind}://localhost").port for kind in KINDS}.items() >= {
        ("vmc", 39539),
        ("livelink", 11111),
        ("ifacialmocap", 49983),
        ("vts", 8001),
        ("osf", 11573),
    }


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: "vmc://" + text))
@settings(max_examples=150, deadline=None)
def test_any_url_is_read_or_refused(url):
    try:
        address = parse(url)
    except InputError:
        return
    assert parse(address.url) == address


def test_what_an_output_cannot_be(tmp_path):
    store = ProfileStore(tmp_path)
    for url, code in (
        ("vmc://localhost?names=vrm7", "bad-mapping"),
        ("vmc://localhost?mapping=nope", "no-mapping"),
        ("livelink://localhost?subject=" + "x" * 65, "bad-output"),
    ):
        with pytest.raises(InputError) as caught:
            Output(parse(url), store)
        assert caught.value.code == code
    with pytest.raises(InputError, match="VTube Studio"):
        Output(parse("vts://localhost"), store, Profile(channels={"MouthOpen": Channel(rename="Mund auf")}))


def test_a_camera_with_jitter_keeps_its_rate():
    """30 frames a second that come 8 ms early or late must not be thinned out by a rate of 30."""
    pace, sent, rng = RateLimiter(30), 0, np.random.default_rng(3)
    for i in range(300):
        now = 100 + i / 30 + rng.uniform(-0.008, 0.008)
        if pace.wait(now) == 0:
            pace.sent(now)
            sent += 1
    assert sent > 285
    pace, sent = RateLimiter(10), 0
    for i in range(300):
        if pace.wait(100 + i / 30) == 0:
            pace.sent(100 + i / 30)
            sent += 1
    assert math.isclose(sent, 100, abs_tol=2)


# --- the API --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_outputs_over_http(tmp_path, receiver):
    async with serve(ready=False, config=tmp_path, outputs=(f"vmc://127.0.0.1:{receiver.port}",)) as served:
        http, as_json = served.http, {"Content-Type": "application/json"}
        listed = (await http.get("/api/outputs")).json()
        assert [o["kind"] for o in listed["outputs"]] == ["vmc"] and listed["kinds"]["livelink"]["port"] == 11111
        made = await http.post("/api/outputs", json={"url": "livelink://127.0.0.1:23456", "enabled": False})
        assert made.status_code == 201 and made.json()["state"] == "off"
        where = made.headers["Location"]
        changed = await http.patch(where, json={"rate": 15, "enabled": True})
        assert changed.json()["rate"] == 15 and changed.json()["enabled"] is True and "rate=15" in changed.json()["url"]
        served.live.hub.publish(frame_of(jawOpen=0.5))
        first = f"/api/outputs/{listed['outputs'][0]['id']}"

        async def sent():
            values = (await http.get(first)).json()["values"]
            return values if values["outputs"] is not None else None

        values = await until(sent)
        assert values["outputs"]["JawOpen"] == 0.5 and values["expression"][INDEX["jawOpen"]] == 0.5
        assert 'face3d_output_packets{kind="vmc"' in (await http.get("/metrics")).text
        assert (await http.delete(where)).status_code == 204 and (await http.get(where)).status_code == 404
        for body, code in (
            ({}, "bad-request"),
            ({"url": 3}, "bad-request"),
            ({"url": "vmc://224.0.0.1"}, "bad-address"),
            ({"url": "vmc://localhost:4444", "profile": {"gain": 2}}, "bad-mapping"),
            ({"url": "vmc://localhost:4444", "colour": "red"}, "bad-request"),
        ):
            refused = await http.post("/api/outputs", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
        for body, code in (
            ({"rate": 0}, "bad-rate"),
            ({"rate": "fast"}, "bad-rate"),
            ({"names": "\ud800"}, "bad-request"),
            ({"enabled": 1}, "bad-request"),
            ({"host": "x"}, "bad-request"),
            ({"names": "vrm9"}, "bad-mapping"),
            ({"profile": {"channels": {"jawOpn": {}}}}, "bad-mapping"),
        ):
            refused = await http.patch(first, content=json.dumps(body), headers=as_json)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, code), body
        again = await http.post("/api/outputs", json={"url": f"vmc://127.0.0.1:{receiver.port}"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "output-exists")
        assert (await http.post("/api/outputs", content="[" * 9999, headers=as_json)).status_code == 400
        assert (await http.post("/api/outputs", content="{}")).status_code == 415
        huge = await http.post("/api/outputs", content=b" " * 70000, headers=as_json)
        assert huge.status_code == 413
        for i in range(MAX_OUTPUTS - 1):
            assert (await http.post("/api/outputs", json={"url": f"vmc://127.0.0.1:{30000 + i}"})).status_code == 201
        over = await http.post("/api/outputs", json={"url": "vmc://127.0.0.1:40000"})
        assert (over.status_code, over.json()["error"]["code"]) == (409, "too-many-outputs")


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_CHANNEL = st.dictionaries(st.sampled_from(["gain", "min", "max", "curve", "rename", "drop", "x"]), _JSON, max_size=3)
_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "rate": _JSON | st.floats(1, 120),
        "names": _JSON | st.sampled_from(["vrm1", "arkit"]),
        "mapping": _JSON,
        "profile": _JSON
        | st.fixed_dictionaries(
            {"channels": st.dictionaries(st.sampled_from(["jawOpen", "aa", "headYaw", "x"]), _CHANNEL | _JSON)},
            optional={"link": _JSON, "mirror": _JSON, "preset": _JSON, "version": _JSON},
        ),
        "x": _JSON,
    },
)


@given(_CHANGES)
@settings(max_examples=60, deadline=None)
def test_any_change_is_made_or_refused(tmp_path_factory, changes):
    async def change():
        outputs = OutputManager(tmp_path_factory.getbasetemp())
        output = outputs.add("vmc://localhost", enabled=False)
        try:
            await outputs.change(output, changes)
        except InputError:
            return
        output.mapping.apply(frame_of(jawOpen=1))
        assert json.loads(json.dumps(output.to_json(), allow_nan=False))["rate"] >= 1

    asyncio.run(change())


async def test_mappings_over_http(tmp_path):
    async with serve(ready=False, config=tmp_path) as served:
        http = served.http
        offered = (await http.get("/api/mappings")).json()
        assert (
            offered["saved"] == []
            and "aa" in offered["presets"]["vrm1"]["outputs"]
            and "headYaw" in offered["channels"]
        )
        profile = {"version": 1, "mirror": True, "channels": {"jawOpen": {"gain": 1.5}}}
        assert (await http.put("/api/mappings/mine", json=profile)).json() == profile
        assert (await http.get("/api/mappings/mine")).json() == profile
        assert (await http.get("/api/mappings")).json()["saved"] == ["mine"]
        vts = {"version": 1, "channels": {"FaceAngleX": {"gain": 2.0}}}
        assert (await http.put("/api/mappings/vts", json=vts)).status_code == 200
        assert (await http.delete("/api/mappings/vts")).status_code == 204
        typo = await http.put("/api/mappings/mine", json={"channels": {"jawOpn": {}}})
        assert "did you mean jawOpen" in typo.json()["error"]["message"]
        bad = await http.put("/api/mappings/mine", json={"channels": {"jawOpen": {"gain": "loud"}}})
        assert bad.status_code == 400 and "channels.jawOpen.gain" in bad.json()["error"]["message"]
        assert (await http.put("/api/mappings/..%2Fx", json=profile)).is_error
        assert (await http.delete("/api/mappings/mine")).status_code == 204
        gone = await http.get("/api/mappings/mine")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "no-mapping")


def test_a_wrong_output_ends_the_program_before_the_model_loads(capsys):
    for urls, words in (
        (["vmc://224.0.0.1"], "bad-address"),
        (["vmc://localhost?names=vrm9"], "vrm1"),
        (["vmc://localhost", "vmc://localhost:39539"], "output-exists"),
    ):
        assert main.run(NetworkOptions(port=0), "cpu", None, False, None, urls) == 1
        assert words in capsys.readouterr().err


@pytest.mark.slow
async def test_strangers_may_not_make_outputs(tmp_path):
    async with serve(ready=False, config=tmp_path) as served:
        body, evil = {"url": "vmc://127.0.0.1"}, {"Origin": "https://evil.example"}
        assert (await served.http.post("/api/outputs", json=body, headers=evil)).status_code == 403
        rebinding = await served.http.get("/api/outputs", headers={"Host": "evil.example"})
        assert rebinding.status_code == 403
        assert len(served.live.outputs) == 0
    async with serve(ready=False, config=tmp_path, token="s") as served:
        assert (await served.http.post("/api/outputs", json=body)).status_code == 401
        assert (
            await served.http.post("/api/outputs", json=body, headers={"Authorization": "Bearer s"})
        ).status_code == 201


# --- filters of the expression stream -------------------------------------------------------------------------------


async def test_the_stream_gives_what_is_asked_for():
    async with serve(ready=False) as served:
        url = f"{served.ws}/api/expressions"
        async with websockets.connect(f"{url}?names=jawOpen,eyeBlinkLeft&rate=10") as text:
            assert json.loads(await text.recv()) == {"v": 1, "hello": {"names": ["jawOpen", "eyeBlinkLeft"], "fps": 10}}
            # Unread frames would hold up the goodbye.
            binary_url = f"{url}?names=jawOpen,eyeBlinkLeft&format=binary"
            async with websockets.connect(binary_url, max_queue=None) as binary:
                await binary.recv()
                began = time.monotonic()
                await play(served.live.hub.publish, [frame_of(jawOpen=0.5, tongueOut=1)] * 30, 60)
                seconds = time.monotonic() - began
                packet = await binary.recv()
            assert len(packet) == 13 + 4 * (2 + 7)
            assert np.frombuffer(packet, "<f4", 2, 13).tolist() == [0.5, 0.0]
            got = []
            try:
                async with asyncio.timeout(0.4):
                    while True:
                        got.append(json.loads(await text.recv()))
            except TimeoutError:
                pass
            assert 2 <= len(got) <= 10 * seconds + 3
            assert got[0]["expression"] == {"jawOpen": 0.5, "eyeBlinkLeft": 0.0} and "rotation" in got[0]


async def test_the_stream_says_what_is_wrong():
    async with serve(ready=False) as served:
        for query, code, reason in (
            ("rate=0", 4400, "bad-rate"),
            ("rate=x", 4400, "bad-rate"),
            ("names=jawOpn", 4400, "bad-names: 'jawOpn' is none of the 52; jawOpen?"),
            ("names=", 4400, "bad-names"),
            ("format=xml", 4400, "bad-format"),
            ("fps=3", 4400, "bad-option"),
            ("session=nope", 4404, "not-found"),
        ):
            async with websockets.connect(f"{served.ws}/api/expressions?{query}") as client:
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await client.recv()
            assert closed.value.rcvd.code == code and closed.value.rcvd.reason.startswith(reason), query
