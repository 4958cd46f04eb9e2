"""Every number and string that enters is checked at the border: no request, however odd, meets a bug (500)."""

import asyncio
import copy
import json

import httpx
import pytest
import websockets
from live_helpers import Browser, serve
from starlette.routing import Route, WebSocketRoute
from takes_support import frames, write

from face3d_live.codes import ARKIT
from face3d_live.live.http.app import ROUTES
from face3d_live.live.limits import Limits

BIG = "1" + "0" * 400
#: As raw JSON, since no JSON library writes most of them.
VALUES = [
    BIG, "-" + BIG, "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "-0", "-0.0", "1e308", "2e-320", "true", "null",
    "9223372036854775808", "-1", "0", '""', '"\\ud800"', '"\\u0000"', '"a\\u0000b"', '"' + "x" * 3000 + '"', "[]", "{}",
    "[" * 500 + "]" * 500, '{"a":' * 400 + "1" + "}" * 400, '"NaN"', '"1e999"', '"../../etc/passwd"', '"\\u202e"',
]  # fmt: skip
NAMES = [
    "%00", "a%00b", "..", "%2e%2e", "%2e%2e%2fx", "%ff", "%ed%a0%80", "x" * 5000, "%0d%0aX-Y:1", "%20", "-", "nul", BIG,
    "%F0%9F%98%80", "a%2fb", "*", "NaN", "%5c..%5cx",
]  # fmt: skip


#: For each JSON body of the interface: method, path, a valid one.
BODIES = [
    ("POST", "/api/takes/{take}/play", {"loop": False, "start": 0, "end": 1, "speed": 1}),
    ("POST", "/api/sessions/{session}/recording", {"action": "start", "name": "a", "sound": False, "render": False}),
    ("POST", "/api/sessions/{session}/calibrate", {"step": "neutral"}),
    ("POST", "/api/outputs", {"url": "vmc://127.0.0.1:39539", "enabled": False, "profile": {"version": 1}}),
    ("PATCH", "/api/outputs/{output}", {"enabled": True, "rate": 30, "names": "vrm1", "mapping": None, "profile": {}}),
    ("PUT", "/api/mappings/mine", {
        "version": 1, "preset": "vrm1", "mirror": True, "link": ["gaze"], "title": "x",
        "channels": {"jawOpen": {"gain": 1, "offset": 0, "curve": 1, "dead_zone": 0, "min": 0, "max": 1, "rename": "x",
                                 "drop": False}}}),
    ("PUT", "/api/sessions/{session}/calibration", {
        "face3d_calibration": 1, "person": "a", "created": "b", "expression": dict.fromkeys(ARKIT, 0.1),
        "rotation": [0, 0, 0, 1], "translation": [0, 0, -0.6], "range": {"jawOpen": 0.5}}),
]  # fmt: skip


def places(value, way=()):
    """The way to every value in plain data (to the first six of a table), the whole among them."""
    yield way
    for key in list(value)[:6] if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*way, key))


def hostile(valid):
    """The text of the body with each value in turn replaced by some of `VALUES` (each comes in several places), and odd
    keys."""
    for at, way in enumerate(places(valid)):
        step = 2 if len(way) < 2 else 8
        for raw in VALUES[at % step :: step]:
            if not way:
                yield raw
                continue
            body = copy.deepcopy(valid)
            inner = body
            for key in way[:-1]:
                inner = inner[key]
            inner[way[-1]] = "@@"
            yield json.dumps(body).replace('"@@"', raw)
    for key in ('"\\ud800"', '"\\u0000"', '""', '"' + "k" * 2000 + '"', '"__proto__"'):
        yield f"{{{key}: 1}}"
        yield json.dumps(valid)[:-1] + f", {key}: {{}}}}"


def refused_or_done(answer):
    assert answer.status_code < 500, (answer.request.url, answer.request.content[:200], answer.text)
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        if answer.text == "Invalid HTTP request received.":  # uvicorn's own
            return
        error = answer.json().get("error") or answer.json()
        assert error.get("code", "").isascii() and (error.get("message") or error.get("reason")), answer.text
    answer.text.encode()  # no half characters in what goes out


@pytest.mark.parametrize(("method", "path", "valid"), BODIES, ids=[path for _, path, _ in BODIES])
async def test_no_value_of_a_json_body_meets_a_bug(method, path, valid, tmp_path):
    async with serve(takes=tmp_path) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        browser.camera.paused = True
        write(tmp_path / "one.jsonl", frames(4))
        made = await served.http.post("/api/outputs", json={"url": "osf://127.0.0.1:39538", "enabled": False})
        url = path.format(take="one", session=browser.session, output=made.json()["id"])
        for body in hostile(valid):
            headers = {"Content-Type": "application/json"}
            answer = await served.http.request(method, url, content=body.encode(), headers=headers)
            refused_or_done(answer)
            if path.endswith("outputs") and answer.status_code == 201:
                await served.http.delete(answer.headers["Location"])
            if path.endswith("recording") and answer.status_code == 201:
                await served.http.post(url, json={"action": "stop"})
        await served.http.delete("/api/playing")
        for state in (
            "/api/sessions",
            "/api/outputs",
            "/api/mappings",
            "/api/takes",
            f"/api/sessions/{browser.session}",
        ):
            assert (await served.http.get(state)).status_code == 200


async def test_no_name_in_an_address_meets_a_bug(tmp_path):
    async with serve(ready=False, takes=tmp_path) as served:
        named = [route for route in ROUTES if isinstance(route, Route) and "{" in route.path]
        for at, route in enumerate(named):
            for name in NAMES[at % 3 :: 3]:
                path = route.path
                for parameter in route.param_convertors:
                    path = path.replace(f"{{{parameter}}}", name)
                for method in route.methods:
                    refused_or_done(
                        await served.http.request(method, path, headers={"Content-Type": "application/json"})
                    )
        for name in NAMES:  # the page's files
            refused_or_done(await served.http.get("/" + name))
            refused_or_done(await served.http.get(f"/js/{name}.js"))


QUERIES = ("keep={}", "format={}", "person={}", "token={}", "{}=1", "rate={}", "names={}", "session={}", "bg={}")


async def test_no_query_meets_a_bug(tmp_path):
    async with serve(takes=tmp_path) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        browser.camera.paused = True
        write(tmp_path / "one.jsonl", frames(4))
        await served.http.post(browser.location + "/calibrate")
        at = browser.location
        names = [*NAMES, "", "%zz", "&&&", "1e400"]
        for query, name in ((query, name) for i, query in enumerate(QUERIES) for name in names[i % 3 :: 3]):
            asked = query.format(name)
            for path in ("/view", "/api/takes/one", f"{at}/calibration"):
                refused_or_done(await served.http.get(f"{path}?{asked}"))
            refused_or_done(await served.http.post(f"{at}/snapshot?{asked}"))
            await no_bug(served.ws + f"/api/expressions?{asked}")


async def no_bug(url, *messages):
    """A WebSocket may be refused, or answer, but not be closed for a bug (1011)."""
    try:
        async with websockets.connect(url) as socket:
            for message in messages:
                await socket.send(message)
            async with asyncio.timeout(0.01):
                while True:
                    await socket.recv()
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd is None or closed.rcvd.code != 1011, (url, closed)
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code < 500, url
    except TimeoutError:
        pass


async def test_no_message_of_a_socket_meets_a_bug():
    async with serve() as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        photo = {"photo": ("me.png", b"\x89PNG" + bytes(100))}
        job = (await served.http.post("/api/reconstruct", files=photo)).headers["Location"]
        view = {"mode": "avatar", "yaw": 0, "pitch": 0, "zoom": 1, "fine": True, "expression": {"jawOpen": 0.5}}
        texts = [*hostile(view), "", "x", "drawn", b"", b"\xff\xfe", b"\0" * 5000]
        for route in ROUTES:
            if isinstance(route, WebSocketRoute):
                path = route.path.format(session_id=browser.session, job_id=job.rpartition("/")[2])
                await no_bug(served.ws + path, *texts)
        assert (await served.http.get("/healthz")).json()["status"] == "ok"


async def test_no_control_message_meets_a_bug(caplog):
    async with serve() as served, Browser(served) as browser:
        await browser.message("hello")
        for valid in (
            {"type": "view", "mode": "avatar", "yaw": 0, "pitch": 0, "zoom": 1},
            {"type": "ping", "id": 1, "t": 0},
        ):
            for body in hostile(valid):
                if len(body) < 60_000:
                    browser.channel.send(body)
            browser.send(type="ping", id=valid["type"], t=0)
            await browser.until(lambda: any(pong["id"] == valid["type"] for pong in browser.of("pong")))  # noqa: B023
        for raw in (b"\xff", b"", "\ud7ff"):
            browser.channel.send(raw)
        browser.send(type="ping", id="last", t=0)
        await browser.until(lambda: any(pong["id"] == "last" for pong in browser.of("pong")))
        assert (await served.http.get(browser.location)).status_code == 200
    assert not [record for record in caplog.records if record.exc_info]


async def offers(served):
    """Offers that differ from one that is let through in one line: two of five variations of each."""
    offer = ""

    def keep(text):
        nonlocal offer
        offer = text
        return text

    async with Browser(served, edit=keep) as browser:
        await browser.until_brightness(0.5)
    lines = offer.splitlines()
    for at, line in enumerate(lines):
        variations = [
            [],
            [line + " " + BIG],
            [line.partition(":")[0] + ":"],
            ["".join("9" * 30 if char.isdigit() else char for char in line)],
            [line[: len(line) // 2]],
        ]
        for odd in (variations[at % 5], variations[(at + 2) % 5]):
            yield lines[:at] + odd + lines[at + 1 :]


async def test_no_offer_meets_a_bug(caplog):
    async with serve(limits=Limits(sessions=1000)) as served:
        async for lines in offers(served):
            body = "\r\n".join(lines).encode() + b"\r\n"
            answer = await served.http.post("/api/sessions", content=body, headers={"Content-Type": "application/sdp"})
            refused_or_done(answer)
            if answer.status_code == 201:
                await served.http.delete(answer.headers["Location"])
        assert len(served.live.sessions) == 0
    assert not [record for record in caplog.records if record.exc_info], caplog.text[:2000]


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET /api/sessions HTTP/1.1\r\nHost: localhost\r\nOrigin: \xff\r\n\r\n",
    b"GET /?\xff=\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: " + BIG.encode() + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + BIG.encode() + b"-\r\n\r\n",
    b"POST /api/sessions/x/avatar HTTP/1.1\r\nHost: localhost\r\nContent-Length: \xb2\r\n\r\n",
    b"GET /api/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /api/expressions HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Protocol: \xff, face3d.token.\xff\r\nSec-WebSocket-Version: 13\r\n\r\n",
])  # fmt: skip
async def test_no_bytes_of_a_head_meet_a_bug(head):
    async with serve(ready=False, token="x") as served:
        host, port = served.base.removeprefix("http://").split(":")
        reader, writer_ = await asyncio.open_connection(host, int(port))
        writer_.write(head)
        async with asyncio.timeout(10):
            line = await reader.readline()
        writer_.close()
        assert line == b"" or int(line.split()[1]) < 500, line
        assert (await httpx.AsyncClient().get(served.base + "/healthz")).status_code == 200
