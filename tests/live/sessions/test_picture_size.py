"""How large the avatar is drawn."""

from __future__ import annotations

import asyncio
import io
import json

import av
import numpy as np
import pytest
import websockets
from avatar_pipeline import AvatarPipeline
from live_helpers import Browser, serve
from PIL import Image
from waiting import until

from face3d_live.live.engine.pipeline import AVATAR_SIZE, MAX_AVATAR_SIZE
from face3d_live.live.engine.shared_memory import SharedFrameMemory
from face3d_live.live.limits import Limits
from face3d_live.live.sessions.picture_size import BUDGET_MS, PATIENCE, PICTURES, PictureSize


def drawn(size, ms, now=0.0, pictures=PICTURES, **more):
    """The side after some pictures that each took so long."""
    for _ in range(pictures):
        size.drawn(size.side, ms, now, **more)
    return size.side


@pytest.mark.parametrize(
    ("pixels", "side"), [(1, 256), (250, 256), (400, 384), (500, 512), (580, 512), (2000, 512)]
)  # fmt: skip
def test_a_small_stage_has_a_small_picture_and_a_slow_machine_no_large_one(pixels, side):
    size = PictureSize()
    assert size.side == AVATAR_SIZE
    size.wish = pixels
    assert drawn(size, BUDGET_MS, pictures=1) == side
    assert drawn(size, BUDGET_MS) == side


def test_it_grows_step_by_step_where_drawing_is_fast_and_shrinks_where_it_was_too_much():
    size = PictureSize()
    size.wish = 2000
    assert drawn(size, 2.0, pictures=PICTURES - 1) == 512, "judged by more than a moment"
    assert drawn(size, 2.0, pictures=1) == 768
    assert drawn(size, 6.6) == 768, "1024 would take 10.2 ms"
    assert drawn(size, 3.0) == 1024
    assert drawn(size, 1.4 * BUDGET_MS, now=10.0) == 1024
    assert drawn(size, 1.6 * BUDGET_MS, now=10.0) == 768
    assert drawn(size, 3.0, now=20.0, pictures=3 * PICTURES) == 768, "not again so soon"
    assert drawn(size, 3.0, now=11.0 + PATIENCE) == 1024
    assert drawn(size, 3.0, now=300.0, sessions=8) == 768, "the budget is that of all sessions"
    assert drawn(size, 3.0, now=310.0, sessions=8) == 512 and drawn(size, 3.0, now=320.0, sessions=8) == 512
    size.wish = 300.0
    assert drawn(size, 3.0, pictures=1) == 384


def test_one_slow_picture_changes_nothing():
    size = PictureSize()
    size.wish = 2000
    drawn(size, 2.0)
    for ms in 20 * [6.6, 7.0, 500.0]:
        size.drawn(768, ms, 1.0)
    assert size.side == 768


def test_a_picture_that_was_on_its_way_is_not_judged():
    size = PictureSize()
    size.wish = 2000
    for _ in range(2 * PICTURES):
        size.drawn(256, 0.1, 0.0)
    assert size.side == 512


@pytest.mark.parametrize(("most", "side"), [(256, 256), (300, 256), (100, 100), (101, 100), (5000, 512)])
def test_the_limit_holds_whatever_is_wished(most, side):
    size = PictureSize(most)
    size.wish = 5000
    assert drawn(size, 6.0) == side
    assert drawn(PictureSize(most), 0.0, elsewhere=True) == side


def test_others_get_the_usual_size_while_they_look():
    size = PictureSize()
    size.wish = 200
    assert drawn(size, 1.0, pictures=1) == 256
    assert drawn(size, 1.0, elsewhere=True) == 512
    assert drawn(size, 1.0, pictures=1) == 256


def test_the_memory_takes_squares_up_to_the_largest():
    memory, rng = SharedFrameMemory(), np.random.default_rng(0)
    for side in (2, AVATAR_SIZE, MAX_AVATAR_SIZE):
        pictures = [rng.integers(0, 256, (side, side, k), np.uint8) for k in (3, 3, 4, 4)]
        for place in (0, 1):
            memory.write_output(pictures[place], place)
            memory.write_cutout(pictures[2 + place], place)
        for place in (0, 1):
            np.testing.assert_array_equal(memory.read_output(place, side), pictures[place])
            np.testing.assert_array_equal(memory.read_cutout(place, side), pictures[2 + place])
    for shape in ((4, 6, 3), (MAX_AVATAR_SIZE + 2, MAX_AVATAR_SIZE + 2, 3)):
        with pytest.raises(ValueError, match="no square"):
            memory.write_output(np.zeros(shape, np.uint8), 0)
    memory.close()


async def test_the_page_says_how_large_it_shows_the_picture():
    async with serve() as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None and browser.channel.readyState == "open")
        for pixels, side in ((200, 256), (400, 384), (5000, 512)):
            browser.send(type="view", pixels=pixels)
            await browser.until(lambda side=side: browser.avatar.shape == (side, side, 3))
        browser.send(type="view", pixels="wide")
        assert (await browser.message("notice"))["code"] == "bad-control"


async def test_a_viewer_is_told_of_another_size():
    async with serve(AvatarPipeline) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None and browser.channel.readyState == "open")
        browser.send(type="view", pixels=200)
        await browser.until(lambda: browser.avatar.shape[0] == 256)
        told, message = [], ""
        async with asyncio.timeout(20), websockets.connect(served.ws + "/api/view") as viewer:
            while len(told) < 2 or isinstance(message, str):
                message = await viewer.recv()
                if isinstance(message, str):
                    told.append(json.loads(message))
                else:
                    await viewer.send("drawn")
        assert told == [{"session": browser.session, "size": side} for side in (256, 512)]
        assert Image.open(io.BytesIO(message)).size == (512, 512)
        await browser.until(lambda: browser.avatar.shape[0] == 256, 30)


async def test_the_limit_of_the_server():
    async with serve(limits=Limits(picture=256)) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None and browser.avatar.shape[0] == 256)
        assert (await served.live.sessions.newest.still()).shape == (256, 256, 3)


async def test_a_film_has_the_usual_size_though_the_page_shows_a_small_picture(tmp_path):
    async with serve(takes=tmp_path) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None and browser.channel.readyState == "open")
        browser.send(type="view", pixels=200)
        await browser.until(lambda: browser.avatar.shape[0] == 256)
        answer = await served.http.post(browser.location + "/recording", json={"action": "start", "render": True})
        assert answer.is_success, answer.text
        recorder = served.live.sessions.newest.recorder
        await until(lambda: recorder.state()["render"]["seconds"] > 0.2)
        await served.http.post(browser.location + "/recording", json={"action": "stop"})
    with av.open(str(next(tmp_path.glob("*.render.mkv")))) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (AVATAR_SIZE, AVATAR_SIZE)
