"""A real server on a real socket, and a browser made of aiortc, for the tests of the live server."""

import asyncio
import contextlib
import json
import socket
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import httpx
import live_fakes
import numpy as np
import pytest
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from waiting import beats, until

from face3d_live.codes import INDEX
from face3d_live.live.access import Access
from face3d_live.live.http.app import create_app
from face3d_live.live.http.connections import Connections, server_options
from face3d_live.live.network import listen
from face3d_live.live.service import Settings
from face3d_live.live.sessions import good_moment, texture_capture
from face3d_live.live.webrtc import aiortc_patches, ice_addresses

# As on a machine without a network (a CI container): nothing but the loopback address, which aioice leaves out and the
# server then offers after all. The browser made of aiortc shares the override.
ice_addresses.host_addresses = lambda use_ipv4, use_ipv6: []
aiortc_patches.install()


class Served:
    """A running server: its address, its parts, and an HTTP client."""

    def __init__(self, base, http, app):
        self.base, self.http, self.app = base, http, app

    @property
    def live(self):
        return self.app.state.live

    @property
    def ws(self):
        return self.base.replace("http", "ws", 1)


@contextlib.asynccontextmanager
async def serve(
    pipeline=live_fakes.FakePipeline, ready=True, sndbuf=None, token=None, access=None, more=(), **settings
):
    """Yield a `Served`; afterwards nothing may be left running. token: short for an access with it on the loopback.
    more: routes besides the usual ones.
    """
    tasks = asyncio.all_tasks()
    own = tempfile.TemporaryDirectory()  # for what this server remembers
    patch = pytest.MonkeyPatch()
    patch.setattr(good_moment, "WAIT_SECONDS", 0.1)  # a flat picture never becomes a good one
    if "texture" not in settings:  # nor a process that would make one
        patch.setattr(texture_capture, "FIRST_SECONDS", 1e9)
    settings = {"texture": live_fakes.no_texture, "config": Path(own.name)} | settings
    settings["access"] = access or Access(token)
    made = Settings(pipeline, live_fakes.fake_snapshot, live_fakes.fake_reconstruct, **settings)
    connections = Connections(made.limits)
    app = create_app(made, connections, more)
    listener = listen("127.0.0.1", 0)
    if sndbuf:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", **server_options(connections)))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or serving.done())
    assert not serving.done(), serving
    if ready:
        await app.state.live.engine.wait_ready()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=20) as http:
            yield Served(base, http, app)
    finally:
        server.should_exit = True
        async with asyncio.timeout(30):
            await serving
        patch.undo()
        own.cleanup()

    def left():
        return {task for task in asyncio.all_tasks() - tasks if task is not asyncio.current_task() and not task.done()}

    with contextlib.suppress(TimeoutError):
        await until(lambda: not left(), 5)
    assert not left(), f"tasks left: {left()}"


class Camera(MediaStreamTrack):
    """A flat grey picture, as bright as `level` says at that moment. `paused` freezes it."""

    kind = "video"

    def __init__(self, level=0.5, size=(320, 240), fps=15):
        super().__init__()
        self.level, self.size, self.paused = level, size, False
        self._began, self._beats = time.monotonic(), beats(fps)

    async def recv(self):
        if self.paused:
            await until(lambda: not self.paused)
        await anext(self._beats)
        width, height = self.size
        frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), round(255 * self.level), np.uint8), "rgb24")
        # Real time, so that a pause does not count as played.
        frame.pts, frame.time_base = int((time.monotonic() - self._began) * 90000), Fraction(1, 90000)
        return frame


class Browser:
    """What the page does: offers a camera and a control channel, shows the avatar."""

    def __init__(self, served, camera=None, codec=None, more=(), edit=lambda offer: offer):
        self.served, self.camera, self.codec, self.more = served, camera or Camera(), codec, more
        self.edit = edit  # of the offer, on its way to the server
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages, self.news = [], asyncio.Event()
        self.avatar, self.avatars = None, 0
        self.location, self.answer = None, ""
        self._reader = None
        self.path = "/api/sessions"

    async def __aenter__(self):
        transceiver = self.pc.addTransceiver(self.camera, direction="sendrecv")
        for track in self.more:
            self.pc.addTrack(track)
        if self.codec is not None:
            capable = RTCRtpReceiver.getCapabilities("video").codecs
            transceiver.setCodecPreferences([c for c in capable if c.mimeType == self.codec])
        self.channel = self.pc.createDataChannel("control")
        self.channel.on("message", self._on_message)
        self.pc.on("track", self._on_track)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        response = await self.served.http.post(
            self.path,
            content=self.edit(self.pc.localDescription.sdp),
            headers={"Content-Type": "application/sdp"},
        )
        assert response.status_code == 201, response.text
        self.location, self.answer = response.headers["Location"], response.text
        await self.pc.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))
        return self

    async def __aexit__(self, *_):
        await self.pc.close()
        if self._reader is not None:
            self._reader.cancel()

    @property
    def session(self):
        return self.location.rpartition("/")[2]

    def send(self, **message):
        self.channel.send(json.dumps(message))

    def of(self, type_):
        return [m for m in self.messages if m["type"] == type_]

    async def until(self, condition, timeout=20.0):
        async with asyncio.timeout(timeout):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def message(self, type_, timeout=20.0):
        """The next message of a kind that has not been seen yet."""
        n = len(self.of(type_))
        await self.until(lambda: len(self.of(type_)) > n, timeout)
        return self.of(type_)[-1]

    @property
    def jaw(self):
        """How open it is in the newest frame; 1 before the first one."""
        frames = self.of("frame")
        return frames[-1]["expression"][INDEX["jawOpen"]] if frames else 1.0

    async def until_brightness(self, level, timeout=20.0):
        """Until the middle of the avatar is this bright, 0..1."""

        def bright():
            return self.avatar is not None and abs(self.avatar[200:300, 300:400].mean() / 255 - level) < 0.04

        await self.until(bright, timeout)

    def _on_message(self, text):
        self.messages.append(json.loads(text))
        self.news.set()

    def _on_track(self, track):
        if self._reader is None and track.kind == "video":
            self._reader = asyncio.ensure_future(self._watch(track))

    async def _watch(self, track):
        while True:
            frame = await track.recv()
            self.avatar = frame.to_ndarray(format="rgb24")
            self.avatars += 1
            self.news.set()
