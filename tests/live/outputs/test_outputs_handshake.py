"""iFacialMocap as the phone has it: programs greet and get frames; too many of them, ones that leave, strangers."""

import asyncio
import logging
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_helpers import serve
from outputs_helpers import Receiver, play
from protocol_frames import frame_of
from waiting import until

from face3d_live.errors import InputError
from face3d_live.live.outputs import handshake
from face3d_live.live.outputs.address import parse
from face3d_live.live.outputs.handshake import HandshakeReceivers
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.protocols import ifacialmocap

HANDSHAKE = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


def shake_hands(receiver, port, words=HANDSHAKE):
    receiver.socket.sendto(words, ("127.0.0.1", port))


@pytest.fixture
def receivers():
    made = [Receiver() for _ in range(handshake.MAX_RECEIVERS + 1)]
    yield made
    for receiver in made:
        receiver.close()


@pytest.mark.parametrize(
    ("packet", "version"),
    [
        (HANDSHAKE, 1),
        (HANDSHAKE + b"\r\n", 1),
        (HANDSHAKE + b"|sendDataVersion=v2", 2),
        (b"iFacialMocap_UDPTCP_sahuasouryya9218sauhuiayeta91555dy3719", None),  # TCP is not spoken here
        (b"iFacialMocap_UDPTCPSTOP_sahuasouryya9218sauhuiayeta91555dy3719", None),
        (HANDSHAKE[:-1], None),
        (b"", None),
    ],
)
def test_handshakes(packet, version):
    assert ifacialmocap.handshake_version(packet) == version


@given(st.binary(max_size=200))
def test_any_packet_is_a_greeting_or_nothing(packet):
    assert ifacialmocap.handshake_version(packet) is None


async def test_who_greets_gets_the_face_in_the_version_it_asked_for(tmp_path, receivers):
    port, outputs = free_port(), OutputManager(tmp_path)
    output = outputs.add(f"ifacialmocap://0.0.0.0:{port}")
    one, other = receivers[:2]
    await play(outputs.offer, [frame_of(jawOpen=0.5)] * 4)
    await until(lambda: output.state == "waiting")
    assert output.to_json()["receivers"] == [] and output.packets == 0 and output.error is None
    shake_hands(one, port, b"hello?")
    shake_hands(one, port)
    await until(lambda: output.to_json()["receivers"] == [f"127.0.0.1:{one.port}"])
    shake_hands(other, port, HANDSHAKE + b"|sendDataVersion=v2")
    await until(lambda: len(output.to_json()["receivers"]) == 2)
    await play(outputs.offer, [frame_of(jawOpen=0.25, eyeBlinkLeft=1)] * 6)
    first, second = one.packets()[-1], other.packets()[-1]
    assert b"jawOpen-25|" in first and b"jawOpen&25|" in second
    for packet in (first, second):
        read = ifacialmocap.decode(packet)
        assert (read.values["jawOpen"], read.values["eyeBlinkLeft"], read.values["eyeBlinkRight"]) == (0.25, 1, 0)
    assert output.state == "sending" and output.packets >= 4
    shake_hands(other, port)  # again, in the other version: no second place
    await until(lambda: output.to_json()["receivers"][-1] == f"127.0.0.1:{other.port}")
    await play(outputs.offer, [frame_of(jawOpen=0.75)] * 6)
    assert b"jawOpen-75|" in other.packets()[-1] and len(output.to_json()["receivers"]) == 2
    await outputs.stop()
    assert output.to_json()["receivers"] is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", port))  # the port is free again


async def test_of_too_many_the_oldest_goes(receivers):
    async with HandshakeReceivers.open(parse(f"ifacialmocap://0.0.0.0:{free_port()}")) as known:
        for receiver in receivers:
            known.datagram_received(HANDSHAKE, ("127.0.0.1", receiver.port))
        assert known.names == [f"127.0.0.1:{receiver.port}" for receiver in receivers[1:]]
        assert known.send(frame_of()) == handshake.MAX_RECEIVERS
        assert receivers[0].packets() == [] and all(len(there.packets()) == 1 for there in receivers[1:])


async def test_who_has_left_is_forgotten_and_who_stays_is_not(receivers):
    now = [1000.0]
    stays, leaves = receivers[:2]
    async with HandshakeReceivers.open(parse(f"ifacialmocap://0.0.0.0:{free_port()}"), lambda: now[0]) as known:
        for receiver in (stays, leaves):
            known.datagram_received(HANDSHAKE, ("127.0.0.1", receiver.port))
        leaves.close()
        for _ in range(40):
            now[0] += 0.5
            known.send(frame_of())
            await asyncio.sleep(0)
        assert known.names == [f"127.0.0.1:{stays.port}"], "it refused for ten seconds"
        now[0] += handshake.EXPIRE_SECONDS
        assert known.send(frame_of()) == 0 and known.names == []


async def test_a_pause_without_frames_costs_nobody_the_place(receivers):
    """Nobody before the camera for minutes: those who made a handshake must not be taken for gone."""
    now = [1000.0]
    async with HandshakeReceivers.open(parse(f"ifacialmocap://0.0.0.0:{free_port()}"), lambda: now[0]) as known:
        known.datagram_received(HANDSHAKE, ("127.0.0.1", receivers[0].port))
        known.send(frame_of())
        now[0] += 600
        assert known.send(frame_of()) == 1 and len(known.names) == 1


async def test_the_answer_goes_to_the_formats_own_port_on_another_machine(monkeypatch):
    """As the app does: a handshake's own port is often one that nobody reads."""
    monkeypatch.setattr(handshake, "is_this_machine", lambda host: False)
    port = free_port()
    async with HandshakeReceivers.open(parse(f"ifacialmocap://0.0.0.0:{port}")) as known:
        known.datagram_received(HANDSHAKE, ("192.168.77.3", 51234))
        assert known.names in ([f"192.168.77.3:{port}"], [])  # a machine without a network cannot reach it
        for stranger in ("8.8.8.8", "224.0.0.1"):
            known.datagram_received(HANDSHAKE, (stranger, 49983))
            assert not any(stranger in name for name in known.names)


def test_which_addresses_are_this_machines():
    assert handshake.is_this_machine("127.0.0.1") and not handshake.is_this_machine("192.0.2.1")


async def test_a_port_that_is_taken_is_said_and_tried_again(tmp_path, receivers, caplog):
    outputs = OutputManager(tmp_path)
    with caplog.at_level(logging.WARNING, "face3d_live"):
        output = outputs.add(f"ifacialmocap://0.0.0.0:{receivers[0].port}")
        await until(lambda: output.error is not None)
        assert output.error.code == "port-taken" and "0.0.0.0" in output.error.message and output.state == "failing"
        receivers[0].socket.close()
        await until(lambda: output.state == "waiting" and output.error is None)
    await outputs.stop()


def test_only_this_format_can_be_asked():
    assert parse("ifacialmocap://0.0.0.0").url == "ifacialmocap://0.0.0.0:49983"
    for url in ("vmc://0.0.0.0", "livelink://0.0.0.0", "vts://0.0.0.0", "ifacialmocap://[::]"):
        with pytest.raises(InputError, match="bad-address"):
            parse(url)


async def test_over_http(tmp_path, receivers):
    port = free_port()
    async with serve(ready=False, config=tmp_path) as served:
        made = await served.http.post("/api/outputs", json={"url": f"ifacialmocap://0.0.0.0:{port}"})
        assert made.status_code == 201
        where = made.headers["Location"]

        async def known():
            return (await served.http.get(where)).json()["receivers"]

        async def is_open():
            return await known() is not None

        await until(is_open)
        shake_hands(receivers[0], port)
        await until(known)
        await play(served.live.hub.publish, [frame_of(jawOpen=0.5)] * 4)
        assert ifacialmocap.decode(receivers[0].packets()[-1]).values["jawOpen"] == 0.5
