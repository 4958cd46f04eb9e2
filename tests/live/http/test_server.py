"""HTTP and WebSockets: what is asked wrongly, who is kept out, streams, snapshots, jobs, the end."""

import asyncio
import io
import itertools
import json
import socket
import time
import zipfile
from urllib.parse import urlsplit

import cv2
import httpx
import live_fakes
import numpy as np
import pytest
import websockets
from live_fakes import grey
from live_helpers import Browser, Camera, serve
from waiting import beats, until

from face3d_live.codes import ARKIT, INDEX
from face3d_live.errors import LimitError
from face3d_live.live.engine.session import Submitted
from face3d_live.live.hosts import is_loopback
from face3d_live.live.limits import Limits
from face3d_live.live.network import listen, page_url
from face3d_live.live.worker.process import Worker
from face3d_live.protocols import binary_stream, json_stream

SDP = {"Content-Type": "application/sdp"}
PNG = b"\x89PNG" + bytes(100)

AUDIO_ONLY = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendrecv
a=rtpmap:111 opus/48000/2
"""


def error_of(response):
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"code", "message"} and len(error["message"]) > 10
    return response.status_code, error["code"]


# --- requests that are wrong ----------------------------------------------------------------------------------------


async def test_wrong_requests_get_a_reason():
    async with serve() as served:
        post = served.http.post
        assert error_of(await post("/api/sessions", content="hello", headers=SDP)) == (400, "bad-sdp")
        assert error_of(await post("/api/sessions", content=b"\xff\xfe", headers=SDP)) == (400, "bad-sdp")
        assert error_of(await post("/api/sessions", content="", headers=SDP)) == (400, "bad-sdp")
        assert error_of(await post("/api/sessions", content="v=0\r\nm=video x", headers=SDP)) == (400, "bad-sdp")
        assert error_of(await post("/api/sessions", content=AUDIO_ONLY, headers=SDP)) == (400, "no-video")
        recvonly = AUDIO_ONLY.replace("audio", "video").replace("sendrecv", "recvonly")
        assert error_of(await post("/api/sessions", content=recvonly, headers=SDP)) == (400, "no-video")
        newer = AUDIO_ONLY.replace("audio", "video").replace("opus/48000/2", "AV1/90000")
        assert error_of(await post("/api/sessions", content=newer, headers=SDP)) == (400, "no-codec")
        no_ice = AUDIO_ONLY.replace("audio", "video").replace("opus/48000/2", "H264/90000")
        assert error_of(await post("/api/sessions", content=no_ice, headers=SDP)) == (400, "bad-sdp")
        assert error_of(await post("/api/sessions", content="x" * 100_000, headers=SDP)) == (413, "too-large")
        assert error_of(await post("/api/sessions", json={})) == (415, "wrong-type")
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/snapshot"), ("POST", "/calibrate")):
            assert error_of(await served.http.request(method, "/api/sessions/nope" + path)) == (404, "not-found")
        assert error_of(await served.http.get("/api/jobs/nope")) == (404, "not-found")
        assert error_of(await served.http.put("/api/sessions")) == (405, "wrong-method")
        assert error_of(await served.http.get("/no/such/page")) == (404, "not-found")
        assert (await served.http.get("/api/sessions")).json() == {"sessions": []}
        assert len(served.live.sessions) == 0


async def test_an_endless_body_is_cut_off():
    async with serve() as served:
        sent = 0

        async def endless():
            nonlocal sent
            async for _ in beats(200):
                sent += 1
                yield bytes(100_000)

        try:
            response = await served.http.post("/api/sessions", content=endless(), headers=SDP)
            assert error_of(response) == (413, "too-large")
        except httpx.TransportError:
            pass  # The server may cut the line before the client has listened.
        assert sent < 400


async def test_the_number_of_sessions_is_limited():
    async with serve(limits=Limits(sessions=1)) as served, Browser(served) as browser:
        with pytest.raises(AssertionError, match="too-many-sessions"):
            await Browser(served).__aenter__()
        response = await served.http.post("/api/sessions", content=browser.pc.localDescription.sdp, headers=SDP)
        assert error_of(response) == (503, "too-many-sessions") and response.headers["Retry-After"] == "5"
        assert (await served.http.delete(browser.location)).status_code == 204
        async with Browser(served) as another:
            await another.until_brightness(0.5)


# --- a session's life -----------------------------------------------------------------------------------------------


async def test_a_session_can_be_ended():
    async with serve() as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        assert (await served.http.get(browser.location)).json()["kind"] == "browser"
        assert (await served.http.delete(browser.location)).status_code == 204
        assert error_of(await served.http.get(browser.location)) == (404, "not-found")
        assert len(served.live.sessions) == 0


async def test_nobody_connects_and_the_session_ends():
    async with serve(limits=Limits(connect_seconds=0.5)) as served:
        browser = Browser(served)
        browser.pc.addTransceiver(browser.camera, direction="sendrecv")
        await browser.pc.setLocalDescription(await browser.pc.createOffer())
        response = await served.http.post("/api/sessions", content=browser.pc.localDescription.sdp, headers=SDP)
        assert response.status_code == 201
        assert (await served.http.get(response.headers["Location"])).status_code == 200
        await until(lambda: not len(served.live.sessions))
        await browser.pc.close()


async def test_the_browser_leaves_and_the_session_ends():
    async with serve() as served:
        async with Browser(served) as browser:
            await browser.until_brightness(0.5)
        await until(lambda: not len(served.live.sessions))


# --- the expression stream ------------------------------------------------------------------------------------------


async def test_the_stream_says_hello_and_then_frames():
    async with serve() as served, Browser(served, Camera(0.6)) as browser:
        await browser.until_brightness(0.6)
        async with websockets.connect(f"{served.ws}/api/expressions") as everything:
            hello = json_stream.decode(await everything.recv())
            assert hello == json_stream.Hello(ARKIT, 30.0)
            frames = [json_stream.decode(await everything.recv()) for _ in range(5)]
            assert [f.frame for f in frames] == list(range(frames[0].frame, frames[0].frame + 5))
            assert all(b.t > a.t for a, b in itertools.pairwise(frames))
            assert {f.session for f in frames} == {browser.session} and all(f.face for f in frames)
            assert frames[-1].expression[INDEX["jawOpen"]] == pytest.approx(0.6, abs=0.03)
        async with websockets.connect(f"{served.ws}{browser.location}/expressions?format=binary") as own:
            assert json.loads(await own.recv())["hello"]["names"] == list(ARKIT)
            packet = binary_stream.decode(await own.recv())
            assert packet.face and packet.expression[INDEX["jawOpen"]] == pytest.approx(0.6, abs=0.03)
            await served.http.delete(browser.location)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await own.recv()
            assert closed.value.rcvd.code == 1000


async def test_a_late_picture_does_not_turn_back_the_streams_time():
    """While the camera is silent the last picture is drawn again, at the time that it is."""
    async with serve() as served, Browser(served, Camera(0.6)) as browser:
        await browser.until_brightness(0.6)
        session, frames = served.live.sessions.newest, []
        result, picture = session.last.result, np.full((64, 64, 3), 150, np.uint8)
        served.live.hub.listeners.append(frames.append)
        for t, rgb in ((1001.0, None), (1000.9, picture), (1000.95, picture), (1001.1, picture)):
            session.on_result(result, Submitted(rgb, t, time.monotonic()))
    times = [frame.t for frame in frames[:4]]
    assert times[0] == 1001.0 and times[3] == 1001.1 and all(b > a for a, b in itertools.pairwise(times))


async def test_the_stream_of_a_session_that_is_not():
    async with serve() as served:
        async with websockets.connect(f"{served.ws}/api/sessions/nope/expressions") as client:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd.code == 4404
        async with websockets.connect(f"{served.ws}/api/jobs/nope") as client:
            with pytest.raises(websockets.ConnectionClosed):
                await client.recv()


async def test_a_client_that_never_reads_is_dropped_and_others_do_not_notice():
    async with serve(sndbuf=4096, stream_stuck_seconds=1.0) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.setblocking(False)
        port = int(served.base.rpartition(":")[2])
        await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", port))
        url = f"{served.ws}/api/expressions"
        # Takes in a few messages, then reads the socket no more.
        async with (
            websockets.connect(url) as good,
            websockets.connect(url, sock=small, max_queue=2, compression=None, ping_interval=None) as bad,
        ):
            last = 0
            async with asyncio.timeout(60):
                while not served.live.hub.dropped_clients:
                    frame = json_stream.decode(await good.recv())
                    if isinstance(frame, json_stream.Hello):
                        continue
                    # Whoever reads gets (nearly) every frame, whatever the other one does.
                    assert not last or frame.frame - last <= 3
                    last = frame.frame
            assert served.live.hub.clients == 1
            with pytest.raises(websockets.ConnectionClosed) as closed:
                async with asyncio.timeout(20):
                    while True:
                        await bad.recv()
            assert closed.value.rcvd.code == 1013
            assert "\nface3d_stream_clients_dropped 1.0\n" in (await served.http.get("/metrics")).text


# --- snapshots and photos -------------------------------------------------------------------------------------------


async def test_a_snapshot_is_of_a_face_of_that_moment_and_is_not_cached():
    async with serve() as served, Browser(served, Camera(0.0)) as browser:
        await browser.message("frame")
        response = await served.http.post(browser.location + "/snapshot")
        assert error_of(response) == (409, "no-face-yet")
        browser.camera.level = 0.7
        await browser.until_brightness(0.7)
        response = await served.http.post(browser.location + "/snapshot")
        assert response.status_code == 200 and response.content[:2] == b"PK"
        assert abs(response.content[2] / 255 - 0.7) < 0.03
        assert response.headers["content-type"] == "application/zip"
        assert response.headers["cache-control"] == "no-store"
        assert "attachment" in response.headers["content-disposition"]


async def test_a_photo_becomes_a_zip():
    async with serve() as served:
        response = await served.http.post("/api/reconstruct", files={"photo": ("me.png", PNG)})
        assert response.status_code == 202
        location = response.headers["Location"]
        async with websockets.connect(served.ws + location) as progress:
            states = [json.loads(message) async for message in progress]
        assert states[-1]["state"] == "done" and states[-1]["progress"] == 1
        assert {s["state"] for s in states} >= {"running", "done"}
        assert (await served.http.get(location)).json() == states[-1]
        response = await served.http.get(states[-1]["result"])
        assert response.content[:2] == b"PK" and response.headers["cache-control"] == "no-store"
        with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
            assert archive.read("photo.bin") == PNG[:4]


async def finished(served, photo):
    response = await served.http.post("/api/reconstruct", files={"photo": ("me.png", photo)})
    assert response.status_code == 202, response.text

    async def job_if_over():
        job = (await served.http.get(response.headers["Location"])).json()
        return job if job["state"] in ("done", "failed") else None

    return await until(job_if_over)


async def test_photos_that_fail_say_why_and_the_next_one_works():
    async with serve() as served:
        for photo, code in ((b"text", "not-an-image"), (PNG + b"bug", "task-failed"), (PNG + b"crash", "worker-died")):
            job = await finished(served, photo)
            assert (job["state"], job["error"]["code"]) == ("failed", code)
            response = await served.http.get(f"/api/jobs/{job['job']}/result")
            assert error_of(response) == (404, "not-found")
        assert (await finished(served, PNG))["state"] == "done"


async def test_forms_that_are_wrong_and_queues_that_are_full():
    async with serve() as served:
        post = served.http.post
        assert error_of(await post("/api/reconstruct", content=b"x")) == (415, "wrong-type")
        assert error_of(await post("/api/reconstruct", data={"photo": "x"})) == (415, "wrong-type")
        assert error_of(await post("/api/reconstruct", files={"other": b"x"})) == (400, "no-photo")
        broken = {"Content-Type": "multipart/form-data; boundary=abc"}
        assert error_of(await post("/api/reconstruct", content=b"--abc\r\nnonsense", headers=broken))[0] == 400
        no_boundary = {"Content-Type": "multipart/form-data"}
        assert error_of(await post("/api/reconstruct", content=b"--abc", headers=no_boundary))[0] == 400
        big = {"photo": ("big.png", io.BytesIO(bytes(21 * 1024 * 1024)))}
        assert error_of(await post("/api/reconstruct", files=big)) == (413, "too-large")
        answers = [await post("/api/reconstruct", files={"photo": ("a.png", PNG + b"slow")}) for _ in range(8)]
        codes = [answer.status_code for answer in answers]
        assert codes[0] == 202 and codes[-1] == 503 and 4 <= codes.count(202) <= 6
        assert error_of(answers[-1]) == (503, "too-many-jobs")
        # Ends in the middle of a job.


async def test_a_task_that_takes_too_long_is_killed():
    worker = Worker()
    assert await worker.run(live_fakes.fake_snapshot, grey(0.5), None) == b"PK\x80"
    worker.task_seconds = 0.5
    with pytest.raises(Exception, match="too-slow"):
        await worker.run(live_fakes.fake_reconstruct, PNG + b"slow")
    worker.task_seconds = 60
    reports = []
    await worker.run(live_fakes.fake_snapshot, grey(0.5), None, report=lambda *r: reports.append(r))
    assert await until(lambda: reports) == [("halfway", 0.5)]
    await worker.stop()


async def test_one_address_cannot_take_every_place():
    async with serve(ready=False, limits=Limits(sessions=4, sessions_per_address=2)) as served:
        sessions = served.live.sessions
        first = sessions.open("browser", "192.168.1.7")
        sessions.open("browser", "192.168.1.7")
        with pytest.raises(LimitError, match="2 sessions are open from your address"):
            sessions.open("browser", "192.168.1.7")
        sessions.open("browser", "192.168.1.8")
        sessions.close(first)
        sessions.open("browser", "192.168.1.7")
        sessions.open("browser", "127.0.0.1")  # this machine's own programs share an address
        with pytest.raises(LimitError, match="4 sessions are open, "):
            sessions.open("browser", "127.0.0.1")


# --- who is kept out ------------------------------------------------------------------------------------------------


async def test_the_token():
    async with serve(token="sésame") as served:
        http = served.http
        assert error_of(await http.get("/api/sessions")) == (401, "token")
        wrong = {"Authorization": "Bearer wrong"}
        assert error_of(await http.get("/api/sessions", headers=wrong)) == (401, "token")
        assert error_of(await http.post("/api/sessions", content="x", headers=SDP)) == (401, "token")
        bearer = {"Authorization": b"Bearer " + "sésame".encode()}
        assert (await http.get("/api/sessions", headers=bearer)).status_code == 200
        assert (await http.get("/healthz")).status_code == 200
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"{served.ws}/api/expressions")
        async with websockets.connect(
            f"{served.ws}/api/expressions", additional_headers={"Authorization": "Bearer sésame"}
        ) as client:
            assert "hello" in await client.recv()
        # A token opens the door for other origins, too.
        elsewhere = {"Origin": "https://game.example", "Host": "evil.example"}
        ok = await http.get("/api/sessions", headers=elsewhere | bearer)
        assert ok.status_code == 200


async def test_a_plain_token_as_bearer():
    async with serve(token="abc123") as served:
        assert (await served.http.get("/api/sessions", headers={"Authorization": "Bearer abc123"})).status_code == 200
        assert (await served.http.get("/api/sessions", headers={"Authorization": "Basic abc123"})).status_code == 401


async def test_other_sites_are_kept_out_of_a_local_server():
    async with serve() as served:
        http = served.http
        assert error_of(await http.get("/", headers={"Host": "evil.example:8080"})) == (403, "bad-host")
        assert error_of(await http.get("/healthz", headers={"Host": "127.0.0.1.evil.example"})) == (403, "bad-host")
        assert (await http.get("/healthz", headers={"Host": "localhost:1"})).status_code == 200
        assert (await http.get("/healthz", headers={"Host": "[::1]:1"})).status_code == 200
        assert (await http.get("/healthz", headers={"Host": "[::ffff:127.0.0.1]:1"})).status_code == 200
        assert (await http.get("/healthz", headers={"Host": "ip6-localhost:1"})).status_code == 200
        for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://["):
            response = await http.post("/api/sessions", content="x", headers={**SDP, "Origin": origin})
            assert error_of(response) == (403, "bad-origin")
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"{served.ws}/api/expressions", origin="https://evil.example")
        async with websockets.connect(f"{served.ws}/api/expressions", origin="http://localhost:3000") as client:
            assert "hello" in await client.recv()


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1", "[::ffff:7f00:1]", "::1%lo", "[::1%25lo]", "ip6-localhost", "ip6-loopback", "127.1",
    "2130706433", "0x7f000001", "localhost.localdomain",
])  # fmt: skip
def test_hosts_that_are_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", [
    "", "0.0.0.0", "192.168.0.1", "localhost.example", "127.0.0.1.example", "::2", "::", "::ffff:10.0.0.1", "[", "%lo",
    "ip6-localhost.example", "fe80::1%lo", "128.1", "127.0.0.1 x", "999999999999", "\udcff",
])  # fmt: skip
def test_hosts_that_are_not(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "::ffff:127.0.0.1", "localhost", "[::1]", "::1"])
def test_the_loopback_address_is_listened_on_however_it_is_spelt(host):
    if "::1" in host:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 on this machine")
    with listen(host, 0) as listener:
        assert is_loopback(listener.getsockname()[0])
        address = page_url("http", host, listener.getsockname()[1], None)
        assert is_loopback(urlsplit(address).hostname)


# --- the page, health, metrics, the end -----------------------------------------------------------------------------


async def test_the_page_is_served_and_not_cached(tmp_path):
    (tmp_path / "index.html").write_text("<title>here</title>")
    (tmp_path / "a.js").write_text("1")
    async with serve(web_client=tmp_path) as served:
        page = await served.http.get("/")
        assert "here" in page.text and page.headers["cache-control"] == "no-cache"
        assert (await served.http.get("/a.js")).headers["cache-control"] == "no-cache"
        again = await served.http.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304
        for path in ("/../pyproject.toml", "/%2e%2e/pyproject.toml", "/..%2fpyproject.toml"):
            assert (await served.http.get(path)).status_code == 404


async def test_health_and_metrics():
    async with serve() as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        health = (await served.http.get("/healthz")).json()
        assert health == {"status": "ok", "device": "fake", "precision": "none", "sessions": 1, "engine_restarts": 0}
        seen = browser.avatars
        await browser.until(lambda: browser.avatars > seen + 5)
        text = (await served.http.get("/metrics")).text
        values = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        assert values["face3d_sessions"] == 1 and values["face3d_engine_ready"] == 1
        assert values["face3d_frames_total"] >= 5
        assert values['face3d_stage_ms_count{stage="render"}'] == values["face3d_frames_total"]
        assert values[f'face3d_fps{{session="{browser.session}"}}'] > 5
        await served.http.delete(browser.location)
        assert browser.session not in (await served.http.get("/metrics")).text


async def test_without_an_engine_the_server_says_why():
    async with serve(live_fakes.pipeline_without_egl, ready=False) as served:
        with pytest.raises(Exception, match="egl-missing"):
            await served.live.engine.wait_ready()
        response = await served.http.get("/healthz")
        assert response.status_code == 503 and response.json()["error"]["code"] == "egl-missing"
        with pytest.raises(AssertionError, match="egl-missing"):
            await Browser(served).__aenter__()


async def test_the_end_comes_quickly_with_everything_open():
    async with serve() as served, Browser(served) as browser, websockets.connect(f"{served.ws}/api/expressions"):
        await browser.until_brightness(0.5)
        await served.http.post("/api/reconstruct", files={"photo": ("a.png", PNG + b"slow")})
        async with asyncio.timeout(30):  # the job would never end
            await served.live.stop()
        assert len(served.live.sessions) == 0


# --- a source instead of a browser ----------------------------------------------------------------------------------


def write_clip(path, levels, fps=20):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), round(255 * level), np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


async def test_a_file_plays_in_real_time_and_loops(tmp_path):
    clip = tmp_path / "clip.mp4"
    write_clip(clip, [0.3] * 10 + [0.9] * 10)
    async with serve(source=str(clip)) as served:
        [state] = (await served.http.get("/api/sessions")).json()["sessions"]
        assert state["kind"] == "source"
        async with websockets.connect(f"{served.ws}/api/sessions/{state['session']}/expressions") as client:
            await client.recv()
            frames, start = [], time.monotonic()
            while time.monotonic() - start < 2.5:
                frames.append(json_stream.decode(await client.recv()))
        jaw = np.array([f.expression[INDEX["jawOpen"]] for f in frames])
        t = np.array([f.t for f in frames])
        assert 0.5 < (t[-1] - t[0]) / 2.5 < 1.6 and (np.diff(t) > 0).all()
        assert np.ptp(jaw) > 0.5 and (np.abs(np.diff(jaw)) > 0.4).sum() >= 4
        assert (await served.http.post(f"/api/sessions/{state['session']}/snapshot")).status_code == 200
        session = served.live.sessions.get(state["session"])
        assert session.last.result.image is None, "nobody looks, nothing is drawn"
        still = await served.http.get(f"/api/sessions/{state['session']}/avatar.jpg")
        picture = cv2.imdecode(np.frombuffer(still.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (512, 512, 3) and min(abs(picture.mean() / 255 - level) for level in (0.3, 0.9)) < 0.05


async def test_answers_do_not_wait_for_acknowledgements():
    """Without TCP_NODELAY the second of two writes waits 40 ms, for each request and many a message of a stream."""
    connected = asyncio.get_running_loop().create_future()
    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(lambda _, writer: connected.set_result(writer), sock=listener):
        _, client = await asyncio.open_connection(*listener.getsockname())
        writer = await connected
        assert writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for one in (client, writer):
            one.close()
