"""Avatars over HTTP: dropped on a session, drawn in the engine, refused with a reason, forgotten at the end."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os

import cv2
import numpy as np
import pytest
import websockets
from avatar_pipeline import AvatarPipeline, NoHead, shows_the_fox
from avatar_support import changed, fox, pack, tiny
from live_helpers import Browser, serve
from PIL import Image
from waiting import until

from face3d_live.avatar.load import load_avatar
from face3d_live.camera import Camera as Lens
from face3d_live.codes import HeadCodes
from face3d_live.live.engine import stored_avatar
from face3d_live.live.engine.pipeline import AVATAR_SIZE, ViewRequest
from face3d_live.live.engine.session_renderers import SessionRenderers
from face3d_live.live.sessions import viewers


def error_of(response):
    error = response.json()["error"]
    assert len(error["message"]) > 10
    return response.status_code, error["code"]


async def still(served, location) -> np.ndarray:
    response = await served.http.get(location + "/avatar.jpg")
    return cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


async def test_an_avatar_is_shown_and_taken_off_again():
    async with serve(AvatarPipeline) as served, Browser(served) as browser:
        where = browser.location + "/avatar"
        await browser.until(lambda: browser.avatar is not None)
        assert (await served.http.get(where)).json() == {"avatar": None}
        response = await served.http.post(where, content=fox("glb"))
        report = response.json()["avatar"]
        assert response.status_code == 200 and "jawOpen" in report["found"] and report["kind"] == "glb"

        async def fox_is_there():
            return shows_the_fox(await still(served, browser.location))

        async def own_head_is_there():
            return not shows_the_fox(await still(served, browser.location))

        await until(fox_is_there)
        assert (await served.http.get(where)).json()["avatar"] == report
        # Over the video, too, and after the engine has died.
        await browser.until(lambda: shows_the_fox(browser.avatar))
        os.kill(served.live.engine.pid, 9)
        await browser.message("notice")
        await until(fox_is_there, 40)
        assert (await served.http.delete(where)).status_code == 204
        await until(own_head_is_there)
        assert (await served.http.get(where)).json() == {"avatar": None}


async def test_files_that_are_no_avatars_change_nothing():
    async with serve(AvatarPipeline) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        where = browser.location + "/avatar"
        for data, code in (
            (b"", "avatar-not-glb"),
            (b"\x89PNG" + bytes(50), "avatar-not-glb"),
            (fox("glb")[:5000], "avatar-truncated"),
            (changed(lambda d: d["meshes"][0].pop("extras")), "avatar-no-morphs"),
            (changed(lambda d: d.update(nodes=[{}] * 10_000)), "avatar-too-complex"),
        ):
            assert error_of(await served.http.post(where, content=data)) == (400, code)
        assert (await served.http.get(where)).json() == {"avatar": None}
        post = served.http.post
        assert error_of(await post("/api/sessions/nope/avatar", content=fox())) == (404, "not-found")
        assert error_of(await served.http.delete("/api/sessions/nope/avatar")) == (404, "not-found")
        await a_huge_file_is_refused_before_it_is_sent(served, where)


async def a_huge_file_is_refused_before_it_is_sent(served, where):
    host, port = served.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {where} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 200000000\r\n\r\n".encode())
    async with asyncio.timeout(10):
        answer = await reader.read(2000)
    writer.close()
    assert b"413" in answer.split(b"\r\n")[0] and b"avatar-too-large" in answer


async def test_the_token_guards_avatars_and_views():
    async with serve(AvatarPipeline, token="secret") as served:
        assert error_of(await served.http.post("/api/sessions/x/avatar", content=b"")) == (401, "token")
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(served.ws + "/api/view").__aenter__()
        async with websockets.connect(
            served.ws + "/api/view", additional_headers={"Authorization": "Bearer secret"}
        ) as viewer:
            assert json.loads(await viewer.recv()) == {"session": None, "size": AVATAR_SIZE}


async def test_sessions_begin_with_the_servers_avatar():
    stored = stored_avatar.StoredAvatar(stored_avatar.pack(load_avatar(fox("vrm1"))))
    async with serve(AvatarPipeline, avatar=stored) as served, Browser(served) as browser:
        assert (await served.http.get(browser.location + "/avatar")).json()["avatar"]["kind"] == "vrm1"
        await browser.until(lambda: browser.avatar is not None and shows_the_fox(browser.avatar))


def test_the_memory_goes_with_the_last_one_who_holds_it() -> None:
    packed = stored_avatar.pack(load_avatar(pack(*tiny())))
    first, second = stored_avatar.StoredAvatar(packed), stored_avatar.StoredAvatar(packed)
    assert first.key == second.key and first.report["found"] == ["jawOpen", "mouthSmileLeft"]
    avatar = stored_avatar.unpack(stored_avatar.read_descriptor(os.dup(first.fd)))
    assert avatar.report.found == ("jawOpen", "mouthSmileLeft")
    fd = first.fd
    os.fstat(fd)
    del first
    gc.collect()
    with pytest.raises(OSError):
        os.fstat(fd)


def test_sessions_with_the_same_file_share_a_renderer() -> None:
    renderers = SessionRenderers(NoHead())
    data = stored_avatar.StoredAvatar(stored_avatar.pack(load_avatar(pack(*tiny()))))
    body = stored_avatar.read_descriptor(os.dup(data.fd))
    renderers.show("a", data.key, body)
    renderers.show("b", data.key, b"")  # not needed a second time
    assert renderers.avatar_count == 1
    renderers.forget("a")
    assert renderers.avatar_count == 1
    renderers.show("b", None, b"")
    assert renderers.avatar_count == 0
    with pytest.raises(Exception, match=r"pickle|Ran out|EOF"):
        renderers.show("c", "other", b"")


def test_a_view_with_a_cutout_gives_both_pictures() -> None:
    renderers = SessionRenderers(NoHead())
    data = stored_avatar.StoredAvatar(stored_avatar.pack(load_avatar(fox())))
    renderers.show("a", data.key, stored_avatar.read_descriptor(os.dup(data.fd)))
    lens = Lens.webcam(640, 480)
    plain, none = renderers.render("a", HeadCodes(), lens, ViewRequest(), None, "default")
    both, cutout = renderers.render("a", HeadCodes(), lens, ViewRequest(cutout=True), None, "default")
    renderers.forget("a")
    assert none is None and cutout is not None and cutout[0, 0, 3] == 0 and cutout[256, 256, 3] == 255
    assert np.abs(plain.astype(int) - both).max() <= 3, "the page's picture stays as it was"


# --- pictures with alpha


async def test_a_viewer_gets_pictures_with_alpha_of_the_newest_session():
    async with serve(AvatarPipeline) as served, websockets.connect(served.ws + "/api/view") as viewer:
        assert json.loads(await viewer.recv()) == {"session": None, "size": AVATAR_SIZE}
        async with Browser(served) as browser:
            assert json.loads(await asyncio.wait_for(viewer.recv(), 5))["session"] == browser.session
            await served.http.post(browser.location + "/avatar", content=fox())
            for _ in range(40):
                picture = np.asarray(Image.open(io.BytesIO(await asyncio.wait_for(viewer.recv(), 10))))
                await viewer.send("drawn")
                if picture[0, 0, 3] == 0 and shows_the_fox(picture):
                    break
            assert picture.shape == (AVATAR_SIZE, AVATAR_SIZE, 4) and picture[-1, 0, 3] == 0
            assert picture[256, 256, 3] == 255 and shows_the_fox(picture)
            await served.http.delete(browser.location)
        while isinstance(message := await asyncio.wait_for(viewer.recv(), 5), bytes):
            await viewer.send("drawn")
        assert json.loads(message)["session"] is None


async def test_who_does_not_draw_gets_no_more_and_a_view_of_one_session_ends_with_it():
    async with serve(AvatarPipeline) as served, Browser(served) as browser:
        async with websockets.connect(served.ws + "/api/sessions/nope/view") as viewer:
            with pytest.raises(websockets.ConnectionClosed):
                await viewer.recv()
            assert viewer.close_code == 4404
        url = served.ws + browser.location + "/view"
        async with websockets.connect(url) as lazy, websockets.connect(url) as busy:
            await lazy.recv(), await busy.recv()
            for _ in range(8):
                assert isinstance(await asyncio.wait_for(busy.recv(), 10), bytes)
                await busy.send("drawn")
            got = 0
            try:
                while True:
                    await asyncio.wait_for(lazy.recv(), 0.5)
                    got += 1
            except TimeoutError:
                assert got == viewers.MAX_IN_FLIGHT
        await until(lambda: served.live.viewers.count == 0)
        session = served.live.sessions.get(browser.session)
        assert session.engine.cutouts == 0, "nobody looks, nothing is cut out"
        async with websockets.connect(url) as viewer, websockets.connect(url) as lazy:
            await viewer.recv()
            for _ in range(1 + viewers.MAX_IN_FLIGHT):  # its name, and as many pictures as it gets without an answer
                await lazy.recv()
            await served.http.delete(browser.location)
            for one in (viewer, lazy):
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await asyncio.wait_for(one.recv(), 20)
                assert one.close_code == 1000
