"""Private parts of aiortc that the overrides rely on: another aiortc is refused at start-up, by name."""

import asyncio
import datetime
import inspect
import tomllib
from pathlib import Path

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCPeerConnection, clock, rtcrtpreceiver, rtcrtpsender
from aiortc.codecs.h264 import H264Encoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from waiting import until

from face3d_live.errors import AssetError
from face3d_live.live.webrtc import aiortc_patches

ROOT = Path(__file__).resolve().parents[3]


def test_the_installed_aiortc_is_as_it_was_tested():
    aiortc_patches.install()
    aiortc_patches.install()
    assert rtcrtpreceiver.JitterBuffer is aiortc_patches.PromptJitterBuffer


def test_the_clock_does_not_jump_with_the_time_of_day(monkeypatch):
    """An hour is 3.6 million steps of aiortc's bandwidth estimate, in the event loop."""
    aiortc_patches.install()
    before = clock.current_ms()

    class AnHourOn(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + datetime.timedelta(hours=1)

    for module in (clock.datetime, aiortc_patches):
        monkeypatch.setattr(module, "datetime", AnHourOn)
    assert 0 <= clock.current_ms() - before < 600_000


async def test_a_connection_that_is_closed_while_it_connects_stays_closed(monkeypatch):
    """Its last check may have succeeded in the very moment: then it would ask for consent until that runs out."""
    aiortc_patches.install()

    asking = asyncio.create_task(asyncio.Event().wait())

    async def connect(connection):
        await connection.close()
        vars(connection)["_query_consent_task"] = asking

    monkeypatch.setattr(aiortc_patches, "connect_only", connect)
    connection = aioice.ice.Connection(ice_controlling=True)
    with pytest.raises(ConnectionError):
        await connection.connect()
    assert asking.cancelled()


async def test_a_peer_that_is_closed_right_after_its_handshake_sends_no_reports(monkeypatch):
    """Its sender and receiver are not started yet when `close` looks for what to stop."""
    aiortc_patches.install()
    before = asyncio.all_tasks()
    offering, answering = RTCPeerConnection(RTCConfiguration([])), RTCPeerConnection(RTCConfiguration([]))
    handshake, closing = RTCDtlsTransport.start, []

    async def start(transport, parameters):
        await handshake(transport, parameters)
        assert transport.state == "connected"
        if not closing:
            closing.extend(asyncio.create_task(peer.close()) for peer in (offering, answering))
            await asyncio.sleep(0)

    monkeypatch.setattr(RTCDtlsTransport, "start", start)
    offering.addTransceiver("video")
    await offering.setLocalDescription(await offering.createOffer())
    await answering.setRemoteDescription(offering.localDescription)
    await answering.setLocalDescription(await answering.createAnswer())
    await offering.setRemoteDescription(answering.localDescription)
    await until(lambda: len(closing) == 2 and all(task.done() for task in closing))
    await until(lambda: not {task for task in asyncio.all_tasks() - before if not task.done()})


def test_the_tested_version_is_the_one_that_may_be_installed():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    major, minor, _ = aiortc_patches.TESTED.split(".")
    (line,) = [line for line in wanted if line.startswith("aiortc")]
    assert line.endswith(f",<{major}.{int(minor) + 1}")


MISSING = [
    (rtcrtpsender, "get_encoder"),
    (rtcrtpreceiver, "JitterBuffer"),
    (rtcrtpreceiver, "TimestampMapper"),
    (aioice.ice, "get_host_addresses"),
    (clock, "current_datetime"),
    (JitterBuffer, "_remove_frame"),
    (JitterBuffer, "remove"),
    (JitterBuffer, "capacity"),
    (H264Encoder, "target_bitrate"),
    (RTCRtpReceiver, "_handle_rtcp_packet"),
]


@pytest.mark.parametrize(("owner", "name"), MISSING, ids=[name for _, name in MISSING])
def test_a_missing_part_is_reported(monkeypatch, owner, name):
    monkeypatch.delattr(owner, name)
    with pytest.raises(AssetError, match=rf"aiortc-changed.*{aiortc_patches.TESTED}") as caught:
        aiortc_patches.install()
    assert name in caught.value.message


def test_a_missing_override_point_of_a_base_class_is_reported(monkeypatch):
    monkeypatch.delattr(H264Encoder, "_encode_frame")  # the base class of all encoders has no such method
    with pytest.raises(AssetError, match=r"aiortc-changed.*_encode_frame"):
        aiortc_patches.install()


@pytest.mark.parametrize(("owner", "name"), [(JitterBuffer, "_remove_frame"), (H264Encoder, "_encode_frame")])
def test_other_parameters_are_reported(monkeypatch, owner, name):
    monkeypatch.setattr(owner, name, lambda self, frame, keyframe, more: None)
    with pytest.raises(AssetError, match=f"aiortc-changed.*{name}"):
        aiortc_patches.install()


@pytest.mark.parametrize("field", ["_origin", "_packets", "_is_video"])
def test_a_renamed_field_is_reported(monkeypatch, field):
    make = JitterBuffer.__init__

    def renamed(self, capacity, prefetch=0, is_video=False):
        make(self, capacity, prefetch, is_video)
        self.__dict__["x" + field] = self.__dict__.pop(field)

    assert inspect.signature(renamed).parameters.keys() == inspect.signature(make).parameters.keys()
    monkeypatch.setattr(JitterBuffer, "__init__", renamed)
    with pytest.raises(AssetError, match=f"aiortc-changed.*{field}"):
        aiortc_patches.check()
