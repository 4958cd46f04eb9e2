"""Which addresses ICE binds and offers, which remote candidates are used, and STUN and TURN servers."""

import asyncio
import re
import socket
from functools import partial
from types import SimpleNamespace

import live_fakes
import pytest
from live_helpers import Browser, serve
from waiting import until

from face3d_live.errors import InputError
from face3d_live.live import access
from face3d_live.live.ice import IceServer, parse_all, parse_ports
from face3d_live.live.webrtc import ice_addresses, sdp


def offered(answer):
    return {line.split()[4] for line in answer.splitlines() if line.startswith("a=candidate:")}


@pytest.mark.parametrize("bound", [("127.0.0.1",), ("127.0.0.2",), ("127.0.0.1", "127.0.0.3")])
async def test_only_the_addresses_that_are_listened_on_are_bound_and_offered(monkeypatch, bound):
    monkeypatch.setattr(ice_addresses, "host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.9", "127.0.0.1"])
    async with serve(addresses=bound) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        assert offered(browser.answer) == set(bound)
        assert re.search(r"^c=IN IP4 127\.0\.0\.[123]", browser.answer, re.M)
    async with serve(addresses=None) as served, Browser(served) as browser:
        assert offered(browser.answer) == {"127.0.0.9", "127.0.0.1"}


def as_firefox(offer):
    return re.sub(r"^o=\S+", "o=mozilla...THIS_IS_SDPARTA-153.8.0", offer, count=1, flags=re.M)


async def test_firefox_which_ignores_the_loopback_meets_the_servers_machine_elsewhere(monkeypatch):
    monkeypatch.setattr(ice_addresses, "host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.9", "127.0.0.1"])
    async with serve(addresses=("127.0.0.1",)) as served, Browser(served, edit=as_firefox) as browser:
        await browser.until_brightness(0.5)
        assert offered(browser.answer) == {"127.0.0.1", "127.0.0.9"}
    async with serve(addresses=("127.0.0.8",)) as served, Browser(served) as browser:
        assert offered(browser.answer) == {"127.0.0.8"}
    assert not ice_addresses.needs_own_machine(("192.0.2.2",), "o=mozilla...X") and not sdp.is_of_firefox("o=- 1 2")


async def test_sockets_for_the_own_machine_hear_no_other(monkeypatch):
    monkeypatch.setattr(ice_addresses, "host_addresses", lambda use_ipv4, use_ipv6: ["192.0.2.2", "2001:db8::2"])
    heard = []
    receiver = SimpleNamespace(data_received=lambda data, component: heard.append(data))
    with ice_addresses.binding(("127.0.0.1",), own_machine=True):
        own = ice_addresses.FilteringStunProtocol(receiver)
    with ice_addresses.binding(("192.0.2.2",)):
        network = ice_addresses.FilteringStunProtocol(receiver)
    for protocol in (own, network):
        protocol.local_candidate = SimpleNamespace(component=1)
        for sender in ("192.0.2.2", "127.0.0.1", "192.0.2.3", "2001:db8::2", "2001:db8::3"):
            protocol.datagram_received(sender.encode(), (sender, 5000))
    assert heard == [b"192.0.2.2", b"127.0.0.1", b"2001:db8::2", b"192.0.2.2", b"127.0.0.1", b"192.0.2.3",
                     b"2001:db8::2", b"2001:db8::3"]  # fmt: skip


def test_what_a_host_implies():
    assert access.implied_addresses("127.0.0.1") == ("127.0.0.1",)
    assert access.implied_addresses("::1") == ("::1",)
    assert access.implied_addresses("192.168.1.5") == ("192.168.1.5",)
    assert access.implied_addresses("0.0.0.0") is access.implied_addresses("::") is None


@pytest.mark.parametrize("name", ["x.local", "X.LOCAL", "evil.example", "1.2.3", "", "0x7f.1", "::g", "localhost"])
def test_candidates_that_would_be_looked_up_are_left_out(name):
    kept = "a=candidate:2 1 udp 1 10.0.0.1 1 typ host"
    offer = f"v=0\r\na=candidate:1 1 udp 1 {name} 1 typ host\r\n{kept}\r\na=candidate:3 1\r\na=end-of-candidates\r\n"
    assert sdp.without_names(offer) == f"v=0\r\n{kept}\r\n"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("stun:stun.example.org", {"urls": "stun:stun.example.org"}),
        ("stun:[2001:db8::1]:3478", {"urls": "stun:[2001:db8::1]:3478"}),
        (
            "turn:me:p%40ss@turn.example.org:3478?transport=tcp",
            {"urls": "turn:turn.example.org:3478?transport=tcp", "username": "me", "credential": "p@ss"},
        ),
        (
            "turns:me:x@192.0.2.1",
            {"urls": "turns:192.0.2.1?transport=tcp", "username": "me", "credential": "x"},
        ),
    ],
)
async def test_ice_servers_reach_the_page_and_aiortc(text, page):
    server = IceServer.parse(text)
    assert server.for_page() == page and server.for_aiortc().urls == page["urls"]
    async with serve(ready=False, ice_servers=(server,)) as served:
        assert (await served.http.get("/api/ice")).json()["iceServers"] == [page]


async def test_textures_are_loaded_for_while_the_camera_is_asked_for(tmp_path):
    loaded = tmp_path / "loaded"
    async with serve(load_texture=partial(live_fakes.noted, path=loaded)) as served:
        assert (await served.http.get("/")).status_code == 200
        assert not served.live.worker.is_running
        await served.http.get("/api/ice")
        await until(loaded.exists)


@pytest.mark.parametrize("text", [
    "", "stun:", "http://x", "stun:a b", "stun:x:0", "stun:x:99999", "turn:x", "stun:u:p@x", "stuns:x", "turn:u@x",
    "turns:u:p@x?transport=udp", "turn:u:p@x?transport=sctp", "stun:x/y", "stun:" + "x" * 500, "stun:\udcff",
])  # fmt: skip
def test_what_is_no_ice_server_is_refused_without_repeating_its_secret(text):
    with pytest.raises(InputError, match="bad-ice-server") as caught:
        IceServer.parse(text.replace("p@", "hunter2@"))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InputError, match="bad-ice-server"):
        parse_all(["stun:x"] * 9)


async def test_media_ports_are_of_the_range_that_was_named_while_there_are_any(monkeypatch):
    monkeypatch.setattr(ice_addresses, "host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    async with serve(media_ports=(42000, 42099)) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        ports = {int(line.split()[5]) for line in browser.answer.splitlines() if line.startswith("a=candidate:")}
        assert ports and all(42000 <= port <= 42099 for port in ports)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        loop = asyncio.new_event_loop()
        ice_addresses.limit_ports(loop)
        with ice_addresses.binding(None, ports=(port, port)), pytest.raises(OSError, match="all media ports"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        loop.close()


@pytest.mark.parametrize("text", ["", "50000", "50000-", "50100-50000", "80-90", "50000-70000", "a-b"])
def test_media_ports_that_are_none(text):
    with pytest.raises(InputError, match="bad-port"):
        parse_ports(text)


def test_media_ports():
    assert parse_ports(None) is None and parse_ports("50000-50099") == (50000, 50099)
