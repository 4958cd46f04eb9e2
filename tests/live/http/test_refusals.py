"""Every refusal has the same form, whoever refuses: a handler, the router, the page's files, the guard, a bug."""

import json
import pickle
import subprocess
import sys

import pytest
import websockets
from live_helpers import serve

from face3d_live import errors
from face3d_live.live.limits import Limits
from face3d_live.live.stream import hub
from face3d_live.mapping.profile import Profile


def every_class(of=errors.Face3DError):
    return [of, *(more for kind in of.__subclasses__() for more in every_class(kind))]


def error_of(response):
    assert response.headers["content-type"] == "application/json" and response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body.keys() == {"error"} and body["error"].keys() == {"code", "message"} and body["error"]["message"]
    return response.status_code, body["error"]["code"]


@pytest.mark.parametrize("kind", [kind for kind in every_class() if kind.__module__ == errors.__name__])
def test_errors_survive_a_process_border_and_stand_in_the_documented_tree(kind):
    again = pickle.loads(pickle.dumps(kind("some-code", "do this")))
    assert (type(again), again.code, again.message) == (kind, "some-code", "do this")
    if kind is not errors.Face3DError:
        (line,) = [line for line in errors.__doc__.splitlines() if f"─ {kind.__name__} " in line]
        assert f" {kind.status} " in line
    assert kind.close_code in (1008, 1011, 1013) or 4400 <= kind.close_code <= 4499


def test_an_error_with_a_place_in_a_file_survives_it_too():
    with pytest.raises(errors.InputError) as caught:
        Profile.from_plain({"preset": 3})
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.code == "bad-mapping" and again.message == caught.value.message


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/api/nothing", 404, "not-found"),
        ("POST", "/api/nothing", 404, "not-found"),
        ("GET", "/../secret", 404, "not-found"),
        ("GET", "/api/sessions/none", 404, "not-found"),
        ("GET", "/api/expressions", 404, "not-found"),  # a WebSocket's address
        ("GET", "/healthz/", 404, "not-found"),
        ("PUT", "/healthz", 405, "wrong-method"),
        ("PATCH", "/api/sessions", 405, "wrong-method"),
        ("GET", "/api/reconstruct", 405, "wrong-method"),
        ("POST", "/studio.html", 405, "wrong-method"),
        ("POST", "/api/sessions", 415, "wrong-type"),
        ("POST", "/api/outputs", 415, "wrong-type"),
        ("POST", "/api/reconstruct", 415, "wrong-type"),
        ("POST", "/api/sessions/none/snapshot", 404, "not-found"),
    ],
)
async def test_addresses_and_methods(method, path, status, code):
    async with serve(ready=False) as served:
        response = await served.http.request(method, path)
        assert error_of(response) == (status, code)
        assert status != 405 or response.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/view"])
async def test_a_range_that_cannot_be_served_gets_the_whole_file(path):
    async with serve(ready=False) as served:
        whole = (await served.http.get(path)).content
        for bad in (
            "bytes=zzz",
            "lines=1-2",
            "bytes=999999999-",
            "bytes=5-2",
            "bytes=-0",
            "bytes=-",
            "0-5",
            "bytes=0-5,x",
        ):
            response = await served.http.get(path, headers={"Range": bad})
            assert (response.status_code, response.content) == (200, whole), bad
        for good, expected in (("bytes=0-4", whole[:5]), ("bytes=-4", whole[-4:]), ("bytes=3-", whole[3:])):
            response = await served.http.get(path, headers={"Range": good})
            assert (response.status_code, response.content) == (206, expected), good


async def test_a_bug_has_the_same_form(monkeypatch, caplog):
    async with serve(ready=False) as served:
        monkeypatch.setattr(type(served.live.sessions), "__iter__", lambda self: 1 / 0)
        # The application raises it again for the server's log, after the answer.
        response = await served.http.get("/api/sessions")
        assert error_of(response) == (500, "internal") and "ZeroDivisionError" in response.text
        monkeypatch.undo()


async def test_who_comes_when_all_places_are_taken_is_told_when_to_come_again(monkeypatch):
    async with serve(ready=False, limits=Limits(sessions=0)) as served:
        response = await served.http.post("/api/sessions", content="v=0", headers={"Content-Type": "application/sdp"})
        assert error_of(response) == (503, "too-many-sessions") and response.headers["retry-after"] == "5"


async def closed(url):
    async with websockets.connect(url) as socket:
        with pytest.raises(websockets.ConnectionClosed) as caught:
            while True:
                await socket.recv()
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_sockets_say_code_and_cure(monkeypatch):
    async with serve(ready=False) as served:
        for path in ("/api/sessions/none/view", "/api/sessions/none/expressions", "/api/jobs/none"):
            code, reason = await closed(served.ws + path)
            assert code == 4404 and reason.startswith("not-found: no ")
        async with websockets.connect(served.ws + "/api/jobs/none/view") as socket:
            await socket.send("{}")
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await socket.recv()
        assert caught.value.rcvd.code == 4404 and caught.value.rcvd.reason.startswith("not-found: ")
        code, reason = await closed(served.ws + "/api/expressions?names=" + "ü" * 200)
        assert code == 4400 and reason.startswith("bad-names: ") and len(reason.encode()) <= 123
        monkeypatch.setattr(hub, "MAX_CLIENTS", 0)
        code, reason = await closed(served.ws + "/api/expressions")
        assert code == 1013 and reason.startswith("too-many-clients: ")


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/api/nothing", {"Authorization": "Bearer abc"}, 404, "not-found"),
        ("/api/expressions", {}, 401, "token"),
        ("/nothing", {"Origin": "http://evil.example"}, 403, "bad-origin"),
    ],
)
async def test_a_refused_handshake_is_answered_like_a_request(path, headers, status, code):
    async with serve(ready=False, token="abc") as served:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with websockets.connect(served.ws + path, additional_headers=headers):
                pass
        response = caught.value.response
        assert response.status_code == status and json.loads(response.body)["error"]["code"] == code


def test_the_server_imports_no_telemetry():
    code = (
        "import sys, face3d_live.live.main\n"
        "print([name for name in sys.modules if 'telemetry' in name or name.split('.')[0] in ('fastapi', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=200)
    assert done.stdout.strip() == "[]"
