"""The studio's requests: hostile uploads, jobs and how they are forgotten, heads to look at, with cheap tasks."""

import asyncio
import io
import json
import tempfile
import zipfile

import live_fakes
import numpy as np
import pytest
import studio_fakes
import websockets
from hypothesis import given
from hypothesis import strategies as st
from live_helpers import Browser, serve
from waiting import LoopClock, until

from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.http import studio_routes
from face3d_live.live.limits import Limits
from face3d_live.live.studio import jobs as jobs_module
from face3d_live.live.studio import photos as photos_module
from face3d_live.live.studio import tasks
from face3d_live.live.studio import view as studio_view
from face3d_live.live.studio.view import StudioTasks
from face3d_live.live.studio.view_messages import StudioView, read_edit
from face3d_live.live.worker.head_edit import HeadEdit
from face3d_live.live.worker.process import Worker

PNG = b"\x89PNG" + bytes(100)
TASKS = StudioTasks(
    studio_fakes.faces, studio_fakes.render, studio_fakes.unload, studio_fakes.nothing, studio_fakes.nothing
)


def studio(**settings):
    return serve(ready=False, studio=TASKS, edit=studio_fakes.edit, vrm=studio_fakes.vrm, **settings)


@pytest.fixture(autouse=True)
def real_jobs(monkeypatch):
    """The server's reconstruction is the one of this file."""
    monkeypatch.setattr(live_fakes, "fake_reconstruct", studio_fakes.make)


def error_of(response):
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    error = response.json()["error"]
    assert set(error) == {"code", "message"} and len(error["message"]) > 10
    return response.status_code, error["code"]


async def made(served, photo=PNG, **fields):
    """A finished job's state."""
    response = await served.http.post("/api/reconstruct", files={"photo": ("me.png", photo)}, data=fields)
    assert response.status_code == 202, response.text
    async with websockets.connect(served.ws + response.headers["Location"]) as progress:
        states = [json.loads(message) async for message in progress]
    return states[-1]


# --- uploads ----------------------------------------------------------------------------------------------------------


def form(*parts, boundary="abc", end=True):
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + (b"--" + boundary.encode() + b"--\r\n" if end else b"")


FORM = {"Content-Type": "multipart/form-data; boundary=abc"}
PHOTO = b'Content-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize("path", ["/api/faces", "/api/reconstruct"])
async def test_hostile_uploads_are_refused_with_a_reason(path):
    def field(i):
        return f'Content-Disposition: form-data; name="f{i}"\r\n\r\nx'.encode()

    async with studio() as served:

        async def answer(body, headers=FORM):
            return error_of(await served.http.post(path, content=body, headers=headers))

        assert await answer(PNG, {"Content-Type": "image/png"}) == (415, "wrong-type")
        assert await answer(b"") == (400, "no-photo")
        assert await answer(form(PHOTO)) == (400, "empty")
        assert await answer(form(PHOTO.replace(b"photo", b"other") + PNG)) == (400, "no-photo")
        assert await answer(form(*[PHOTO + PNG] * 50)) == (400, "bad-form")
        assert await answer(form(*[field(i) for i in range(5000)])) == (400, "bad-form")
        assert (await answer(form(b"X-Bomb: " + b"x" * 2_000_000 + b"\r\n\r\n" + PNG)))[0] == 400
        assert (await answer(form(b"A: b\r\n" * 200_000 + PHOTO + PNG)))[0] == 400
        long = b'Content-Disposition: form-data; name="mesh"\r\n\r\n' + b"m" * 1_000_000
        assert await answer(form(long, PHOTO + PNG)) == (400, "bad-form")
        assert (await answer(b"--abc\r\nnonsense"))[0] == 400
        assert (await answer(form(PHOTO + PNG), {"Content-Type": "multipart/form-data"}))[0] == 400
        too_much = bytes(studio_routes.MAX_PHOTO_BYTES + 100_000)
        assert await answer(form(PHOTO + too_much)) == (413, "too-large")
        metrics = (await served.http.get("/metrics")).text
        for cause in ("wrong-type", "empty", "no-photo", "bad-form", "too-large"):
            assert f'face3d_photo_failures_total{{cause="{cause}"}}' in metrics
        # And after all that it works.
        assert (await served.http.post("/api/faces", files={"photo": ("a", PNG)})).status_code == 200


async def test_a_lying_type_and_a_path_like_name_mean_nothing(tmp_path, monkeypatch):
    async with studio() as served:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the server of the tests has a folder of its own
        for name in ("../../etc/passwd", "/etc/passwd", "C:\\x\\..\\y.exe", "a\x00b.png", "x" * 500):
            files = {"photo": (name, PNG + bytes(3_000_000), "text/html")}
            response = await served.http.post("/api/faces", files=files)
            assert response.status_code == 200 and response.json()["faces"][0]["box"] == [0, 0, 1, 1]
            job = await made(served)
            assert job["state"] == "done" and "passwd" not in json.dumps(job)
        response = await served.http.post("/api/faces", files={"photo": ("a.png", b"MZ not a picture", "image/png")})
        assert error_of(response) == (400, "not-an-image")
        assert list(tmp_path.iterdir()) == []
        for name in ("..%2f..%2fetc%2fpasswd", "params.npz%00", "nothing.png"):
            response = await served.http.get(f"/api/jobs/{job['job']}/files/{name}")
            assert response.status_code == 404


async def test_many_uploads_at_once_are_served_or_turned_away():
    async with studio() as served:
        posts = [served.http.post("/api/faces", files={"photo": ("a.png", PNG + b"slow")}) for _ in range(9)]
        answers = await asyncio.gather(*posts)
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 503} and codes.count(200) == Limits().requests_per_address
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert error_of(refused) == (503, "too-many-requests") and refused.headers["retry-after"]
        assert (await served.http.post("/api/faces", files={"photo": ("a", PNG)})).status_code == 200


async def test_an_upload_that_does_not_end_gives_its_place_back():
    async with studio(limits=Limits(photo_seconds=0.05)) as served:

        async def refused():
            return 'cause="slow-upload"' in (await served.http.get("/metrics")).text

        async def drip():
            yield b"--abc\r\n" + PHOTO
            await until(refused)  # the client listens only when it has sent everything
            yield PNG

        response = await served.http.post("/api/faces", content=drip(), headers=FORM)
        assert error_of(response) == (400, "slow-upload")


async def test_a_photo_that_is_kept_is_sent_once(monkeypatch):
    async with studio() as served:
        found = await served.http.post("/api/faces", files={"photo": ("a", PNG)}, data={"keep": "true"})
        name = found.json()["photo"]
        assert found.json().keys() == {"width", "height", "faces", "photo"}
        assert len(name) == 32 and found.headers["cache-control"] == "no-store"
        with pytest.MonkeyPatch.context() as patch:  # its faces are known
            patch.setattr(served.live.studio.worker, "run", None)
            for fields in ({}, {"keep": "true"}):
                again = await served.http.post("/api/faces", files={"photo": (None, name)}, data=fields)
                assert again.json() == {**found.json(), "photo": name} if fields else "photo" not in again.json()
            assert again.json()["faces"] == found.json()["faces"] and len(served.live.studio.photos) == 1
        for wanted in ("low", "high"):  # as often as one likes
            job = await made_of(served, name, mesh=wanted, refine="false")
            params = await served.http.get(f"/api/jobs/{job['job']}/files/params.npz")
            assert params.content == f"0 {wanted} 1024 plain, 1 found before".encode(), "its faces go with it"
        assert (await served.http.delete(f"/api/photos/{name}")).status_code == 204
        gone = await served.http.post("/api/reconstruct", data={"photo": name}, files={"x": b""})
        assert error_of(gone) == (404, "photo-gone")
        plain = await served.http.post("/api/faces", files={"photo": ("a", PNG)})
        assert "photo" not in plain.json() and len(served.live.studio.photos) == 0
        refused = await served.http.post("/api/faces", files={"photo": ("a", b"MZ")}, data={"keep": "true"})
        assert refused.status_code == 400 and len(served.live.studio.photos) == 0


async def made_of(served, name, **fields):
    """A finished job's state, of a photo that is kept."""
    boundary = {"photo": (None, name), **{key: (None, value) for key, value in fields.items()}}
    response = await served.http.post("/api/reconstruct", files=boundary)
    assert response.status_code == 202, response.text
    async with websockets.connect(served.ws + response.headers["Location"]) as progress:
        return [json.loads(message) async for message in progress][-1]


async def test_kept_photos_are_few_small_and_short_lived(monkeypatch):
    monkeypatch.setattr(photos_module, "MAX_PHOTOS", 3)
    monkeypatch.setattr(photos_module, "MAX_BYTES", 100)
    clock, photos = LoopClock(), photos_module.PhotoCache()
    first, second, third = [photos.add(photos_module.Photo(bytes([i]))) for i in range(3)]
    assert photos.get(first).data == b"\0"  # now the second was used longest ago
    fourth = photos.add(photos_module.Photo(b"d"))
    with pytest.raises(InputError, match="photo-gone"):
        photos.get(second)
    photos.add(photos_module.Photo(bytes(99)))
    assert len(photos) == 2 and photos.get(fourth)
    huge = photos.add(photos_module.Photo(bytes(1000)))
    assert len(photos) == 1 and photos.get(huge)  # the newest is kept whatever its size
    await clock.forward(0.6 * photos_module.KEEP_SECONDS)
    photos.get(huge)
    await clock.forward(0.6 * photos_module.KEEP_SECONDS)
    assert len(photos) == 1
    await clock.forward(0.6 * photos_module.KEEP_SECONDS)
    assert len(photos) == 0 and third != first


async def test_options_reach_the_task():
    async with studio() as served:
        job = await made(served, face="2", mesh="low", texture="512", sharpen="true", refine="false")
        response = await served.http.get(f"/api/jobs/{job['job']}/files/params.npz")
        assert response.content == b"2 low 512 sharp plain"
        for fields in (
            {"face": "-1"},
            {"face": "٣" * 9},
            {"mesh": "huge"},
            {"texture": "100000"},
            {"sharpen": "1"},
            {"refine": "no"},
            {"other": "1"},
        ):
            response = await served.http.post("/api/reconstruct", files={"photo": ("a", PNG)}, data=fields)
            assert error_of(response) == (400, "bad-option")


# --- jobs -------------------------------------------------------------------------------------------------------------


async def test_a_job_tells_its_stages_and_gives_its_files():
    async with studio() as served:
        job = await made(served)
        assert {"face", "geometry", "texture"} <= set(job["seconds"])
        assert sum(job["seconds"][stage] for stage in ("face", "geometry", "texture")) > 0.1
        assert job["files"] == {"params.npz": 13, "texture.png": 3, "mesh.obj": 7}
        response = await served.http.get(f"/api/jobs/{job['job']}/files/texture.png")
        assert response.content == b"png" and response.headers["content-type"] == "image/png"
        assert response.headers["cache-control"] == "no-store"
        response = await served.http.get(job["result"])
        assert zipfile.ZipFile(io.BytesIO(response.content)).namelist() == list(job["files"])
        assert "face3d_photos_total 1.0" in (await served.http.get("/metrics")).text


async def test_a_job_that_waits_says_how_many_are_ahead():
    async with studio() as served:
        posts = [await served.http.post("/api/reconstruct", files={"photo": ("a", PNG + b"slow")}) for _ in range(3)]
        states = [(await served.http.get(post.headers["Location"])).json() for post in posts]
        assert [state["ahead"] for state in states] in ([0, 1, 2], [0, 0, 1])


@pytest.mark.parametrize("photo", [PNG, PNG + b"slow"])
async def test_a_deleted_job_leaves_nothing(photo):
    async with studio() as served:
        response = await served.http.post("/api/reconstruct", files={"photo": ("a", photo)})
        location = response.headers["Location"]
        if photo == PNG:
            job = await made(served)
            location = f"/api/jobs/{job['job']}"
        kept = served.live.jobs.get(location.rpartition("/")[2])
        response = await served.http.delete(location)
        assert response.status_code == 204 and response.headers["cache-control"] == "no-store"
        assert kept.photo is None and kept.result is None
        assert error_of(await served.http.get(location)) == (404, "not-found")
        assert error_of(await served.http.get(location + "/result")) == (404, "not-found")
        assert error_of(await served.http.get(location + "/files/texture.png")) == (404, "not-found")
        assert error_of(await served.http.delete(location)) == (404, "not-found")
        # The one that was being made is finished and dropped; the next one is not held up.
        assert (await made(served))["state"] == "done"
        assert kept.result is None


async def test_results_are_forgotten_in_time_and_number(monkeypatch):
    monkeypatch.setattr(jobs_module, "EXPIRE_SECONDS", 0.05)
    monkeypatch.setattr(jobs_module, "MAX_RESULTS", 2)
    async with studio() as served:
        first, *others = [await made(served) for _ in range(3)]
        await until(lambda: len(served.live.jobs) == 2)
        assert error_of(await served.http.get(f"/api/jobs/{first['job']}"))[0] == 404
        second, third = (served.live.jobs.get(job["job"]) for job in others)
        for job in (second, third):  # as if time had passed
            job.used -= 0.9 * jobs_module.KEEP_SECONDS
        assert (await served.http.get(f"/api/jobs/{third.id}")).status_code == 200
        for job in (second, third):
            job.used -= 0.2 * jobs_module.KEEP_SECONDS
        await until(lambda: len(served.live.jobs) == 1)
        assert (await served.http.get(f"/api/jobs/{third.id}")).status_code == 200  # what is looked at stays
        third.used -= 1.1 * jobs_module.KEEP_SECONDS
        await until(lambda: len(served.live.jobs) == 0)


async def test_results_take_a_bounded_part_of_the_memory(monkeypatch):
    async with studio() as served:
        first = await made(served)
        monkeypatch.setattr(jobs_module, "MAX_RESULT_BYTES", 2 * len(served.live.jobs.get(first["job"]).result) + 1)
        second, third = await made(served), await made(served)
        answers = [await served.http.get(job["result"]) for job in (first, second, third)]
        assert [answer.status_code for answer in answers] == [404, 200, 200]
        monkeypatch.setattr(jobs_module, "MAX_RESULT_BYTES", 1)
        fourth = await made(served)
        assert (await served.http.get(fourth["result"])).status_code == 200
        assert len(served.live.jobs) == 1


# --- heads to look at -------------------------------------------------------------------------------------------------


async def test_a_view_draws_what_is_asked_for():
    async with studio() as served:
        job = await made(served)
        async with websockets.connect(f"{served.ws}/api/jobs/{job['job']}/view") as view:
            await view.send(json.dumps({"mode": "geometry", "yaw": 0.5}))
            assert await view.recv() == b"geometry 0.5 0 medium 1024 1"
            for wrong in ("", "[]", "{", '{"mode":"x"}', '{"yaw":"1"}', '{"expression":{"jaw":1}}', "x" * 9999):
                await view.send(wrong)
                assert json.loads(await view.recv())["error"]["code"] == "bad-look"
            await view.send(json.dumps({"zoom": 50}))
            assert json.loads(await view.recv())["error"]["code"] == "worker-died"
            await view.send("{}")  # the process is started anew and given the head again
            assert await view.recv() == b"avatar 0.0 0 medium 1024 1"


async def test_an_edit_changes_the_files_and_begins_at_the_photo_each_time():
    async with studio() as served:
        job = await made(served)
        path = f"/api/jobs/{job['job']}"
        for hair, jaw in (("#102030", 0.5), ("none", 0.25)):
            answer = await served.http.put(path + "/edit", json={"hair": hair, "expression": {"jawOpen": jaw}})
            assert answer.status_code == 200 and answer.json()["state"] == "done"
            params = (await served.http.get(path + "/files/params.npz")).content
            assert params == f"0 medium 1024 {hair} {jaw} None".encode(), "the edit before is not in it"
            assert answer.json()["files"]["params.npz"] == len(params)
        async with websockets.connect(f"{served.ws}{path}/view") as view:  # it applies its own changes
            await view.send("{}")
            assert await view.recv() == b"avatar 0.0 0 medium 1024 1"
        wrong = ({"hair": "red"}, {"shape": [0.0] * 99}, {"pose": [1]}, {"light": "x"}, {"expression": {"jaw": 1}})
        for body in wrong:
            assert error_of(await served.http.put(path + "/edit", json=body)) == (400, "bad-look")
        assert error_of(await served.http.put(path + "/edit", json={"light": 2})) == (503, "task-failed")
        assert (await served.http.get(path + "/files/params.npz")).content == params, "what was there stays"
        await served.http.delete(path)
        assert error_of(await served.http.put(path + "/edit", json={})) == (404, "not-found")


async def test_a_vrm_is_made_on_request_with_what_it_shall_say():
    async with studio() as served:
        job = await made(served)
        path = f"/api/jobs/{job['job']}"
        query = "name=Ada&author=A&author=B&licence=modification=allowModification&licence=allowRedistribution=true"
        answer = await served.http.get(f"{path}/files/head.vrm?{query}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "model/gltf-binary"
        assert 'filename="head.vrm"' in answer.headers["content-disposition"]
        params, _, said = answer.text.partition(" {")
        meta = json.loads("{" + said)
        assert params == "0 medium 1024" and meta["name"] == "Ada" and meta["authors"] == ["A", "B"]
        assert meta["modification"] == "allowModification" and meta["allowRedistribution"] is True
        assert (await served.http.get(f"{path}/files/head.vrm")).status_code == 200
        assert "head.vrm" not in (await served.http.get(path)).json()["files"], "it is not kept"
        for wrong in ("licence=modification=all", "licence=x", "author=%20"):
            assert error_of(await served.http.get(f"{path}/files/head.vrm?{wrong}")) == (400, "bad-licence")
        await served.http.delete(path)
        assert error_of(await served.http.get(f"{path}/files/head.vrm")) == (404, "not-found")


async def test_the_newest_view_wins():
    async with studio() as served:
        job = await made(served)
        async with websockets.connect(f"{served.ws}/api/jobs/{job['job']}/view") as view:
            for i in range(200):
                await view.send(json.dumps({"yaw": i / 100, "fine": True}))
            answers = [await view.recv()]
            while b" 1.99 " not in answers[-1]:
                answers.append(await view.recv())
            assert len(answers) < 50


async def test_a_deleted_head_is_forgotten_by_the_process_and_its_views_end():
    async with studio() as served:
        gone, stays = await made(served), await made(served)
        async with websockets.connect(f"{served.ws}/api/jobs/{gone['job']}/view") as view:
            await view.send("{}")
            await view.recv()
            await served.http.delete(f"/api/jobs/{gone['job']}")
            await view.send("{}")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await view.recv()
            assert closed.value.rcvd.code == 4404
        async with websockets.connect(f"{served.ws}/api/jobs/{stays['job']}/view") as view:
            await view.send("{}")
            assert (await view.recv()).endswith(b" 1"), "the deleted head is still known"


async def test_views_are_limited_and_leave_no_place_taken(monkeypatch):
    monkeypatch.setattr(studio_view, "MAX_VIEWS", 2)
    async with studio() as served:
        job = await made(served)
        url = f"{served.ws}/api/jobs/{job['job']}/view"
        async with websockets.connect(url) as a, websockets.connect(url) as b:
            await a.send("{}")
            await a.recv()
            await b.send(json.dumps({"fine": True}))  # leaves without waiting for its answer
            async with websockets.connect(url) as c:
                with pytest.raises(websockets.ConnectionClosed):
                    await c.recv()
        await until(lambda: served.live.studio.views == 0)
        async with websockets.connect(url) as again:
            await again.send("{}")
            assert await again.recv()


async def test_a_view_of_nothing_is_closed():
    async with studio() as served, websockets.connect(f"{served.ws}/api/jobs/nothing/view") as view:
        await view.send("{}")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await view.recv()
        assert closed.value.rcvd.code == 4404


async def test_a_snapshot_is_kept_for_the_studio_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(live_fakes, "fake_snapshot", studio_fakes.snapshot)
    async with serve(studio=TASKS) as served, Browser(served) as browser:
        await browser.until_brightness(0.5)
        response = await served.http.post(browser.location + "/snapshot")
        assert "location" not in response.headers and len(served.live.jobs) == 0
        response = await served.http.post(browser.location + "/snapshot?keep=true")
        job = (await served.http.get(response.headers["Location"])).json()
        assert job["state"] == "done" and job["files"] == {"params.npz": 4}
        assert (await served.http.get(job["result"])).content == response.content


# --- looks ------------------------------------------------------------------------------------------------------------

numbers = st.floats(allow_nan=True) | st.integers() | st.text(max_size=3) | st.none() | st.booleans()


@given(st.dictionaries(st.sampled_from(["mode", "yaw", "pitch", "zoom", "fine"]), numbers))
def test_any_numbers_give_a_look_in_range_or_a_reason(message):
    try:
        look = StudioView.from_text(json.dumps(message))
    except InputError as error:
        assert error.code == "bad-look"
        return
    assert abs(look.yaw) <= 3.1416 and abs(look.pitch) <= 1.4 and 0.3 <= look.zoom <= 5


@given(st.text(max_size=200) | st.recursive(st.none() | st.text(), st.lists, max_leaves=5).map(json.dumps))
def test_any_text_gives_a_look_or_a_reason(text):
    try:
        StudioView.from_text(text)
    except InputError as error:
        assert error.code == "bad-look"


@given(st.dictionaries(st.sampled_from(["expression", "shape", "hair", "light", "pose"]), numbers | st.lists(numbers)))
def test_any_edit_is_in_range_or_refused(message):
    try:
        edit = read_edit(message)
    except InputError as error:
        assert error.code == "bad-look"
        return
    codes = edit.posed(HeadCodes())
    assert np.abs(codes.shape).max() <= 3 and 0.2 <= edit.light <= 2 and np.isfinite(codes.rotation).all()
    assert HeadEdit.from_message(edit.to_json()) == edit


@given(st.dictionaries(st.sampled_from(ARKIT), st.floats(-2, 2)))
def test_a_look_replaces_the_photos_coefficients(expression):
    codes = HeadCodes()
    look = StudioView.from_text(json.dumps({"expression": expression}))
    assert len(json.dumps({"expression": dict.fromkeys(ARKIT, 0.1234567)})) < 4096
    applied = look.applied_to(codes).expression
    for name, value in zip(ARKIT, applied, strict=True):
        assert value == pytest.approx(min(max(expression.get(name, 0), 0), 1), abs=1e-6)
    assert not codes.expression.any()


async def test_the_process_of_the_studio_is_not_started_without_need():
    async with studio() as served:
        assert isinstance(served.live.studio.worker, Worker)
        assert not served.live.studio.worker.is_running
        assert tasks.MAX_HEADS < jobs_module.MAX_RESULTS
