"""Outputs are remembered over restarts; a file that is broken, foreign or cannot be written is no obstacle."""

import json
import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_helpers import serve
from outputs_helpers import Receiver, blends_of, play
from protocol_frames import frame_of
from waiting import LoopClock, until

from face3d_live.live.outputs import manager
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.live.outputs.store import MAX_BYTES, OutputStore
from face3d_live.mapping.profile import Channel, Profile


def written(folder):
    return json.loads((folder / "outputs.json").read_text("utf-8"))["outputs"]


async def over_http(served, method, path, **body):
    response = await served.http.request(method, path, json=body or None)
    assert response.is_success, response.text
    return response


async def test_a_restart_finds_them_as_they_were(tmp_path):
    receiver = Receiver()
    async with serve(ready=False, config=tmp_path) as served:
        await over_http(served, "PUT", "/api/mappings/Zoe", mirror=True)
        vmc = await over_http(served, "POST", "/api/outputs", url=f"vmc://127.0.0.1:{receiver.port}")
        where = vmc.headers["Location"]
        tuned = {"channels": {"jawOpen": {"gain": 1.6}}}
        await over_http(served, "PATCH", where, rate=30, names="vrm1")
        await over_http(served, "PATCH", where, profile=tuned | {"preset": "vrm1"})
        off = await over_http(served, "POST", "/api/outputs", url="livelink://127.0.0.1:23456?subject=Anna%20B")
        await over_http(served, "PATCH", off.headers["Location"], enabled=False)
        await over_http(served, "POST", "/api/outputs", url="ifacialmocap://127.0.0.1:23457?mapping=Zoe")
        gone = await over_http(served, "POST", "/api/outputs", url="osf://127.0.0.1:23458")
        await over_http(served, "DELETE", gone.headers["Location"])
        brief = {"url": "osf://127.0.0.1:23459?session=abc"}  # ends with its session
        await over_http(served, "POST", "/api/outputs", **brief)
        before = (await served.http.get("/api/outputs")).json()["outputs"]
    assert [kept["url"].partition(":")[0] for kept in written(tmp_path)] == ["vmc", "livelink", "ifacialmocap"]
    assert ["profile" in kept for kept in written(tmp_path)] == [True, False, False]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "outputs"))] == ["outputs.json"]

    async with serve(ready=False, config=tmp_path) as served:
        after = (await served.http.get("/api/outputs")).json()["outputs"]
        for key in ("kind", "url", "rate", "names", "mapping", "profile", "enabled"):
            assert [output[key] for output in after] == [output[key] for output in before[:3]], key
        assert after[2]["profile"]["mirror"] is True
        await until(lambda: all(output.state != "connecting" for output in served.live.outputs))
        await play(served.live.hub.publish, [frame_of(jawOpen=0.5)] * 6)
        assert blends_of(receiver.packets())["aa"] == pytest.approx(0.88)
        await over_http(served, "DELETE", f"/api/outputs/{after[0]['id']}")
    assert [kept["url"].partition(":")[0] for kept in written(tmp_path)] == ["livelink", "ifacialmocap"]
    receiver.close()


async def test_it_is_written_soon_and_not_at_every_step(tmp_path, monkeypatch):
    saves, clock = [], LoopClock()
    save = OutputStore.save
    monkeypatch.setattr(OutputStore, "save", lambda self, outputs: (saves.append(1), save(self, outputs))[1])
    outputs = OutputManager(tmp_path)
    output = outputs.add("vmc://127.0.0.1:23460", enabled=False)
    outputs.persist(output)
    for i in range(20):
        await outputs.change(output, {"rate": 10 + i})
    await clock.forward(manager.SAVE_SECONDS)
    assert len(saves) == 1 and written(tmp_path) == [{"url": "vmc://127.0.0.1:23460?rate=29", "enabled": False}]
    await outputs.change(output, {"rate": 60})
    await outputs.stop()
    assert written(tmp_path)[0]["url"] == "vmc://127.0.0.1:23460", "what was changed last is not lost by stopping"


async def test_those_of_the_command_line_are_not_remembered_and_go_first(tmp_path, caplog):
    outputs = OutputManager(tmp_path)
    outputs.persist(outputs.add("vmc://127.0.0.1:23461?rate=15", enabled=False))
    await outputs.stop()
    named = ("vmc://127.0.0.1:23461?rate=90", "osf://127.0.0.1:23462")
    with caplog.at_level(logging.WARNING, "face3d_live"):
        async with serve(ready=False, config=tmp_path, outputs=named) as served:
            assert [output.address.rate for output in served.live.outputs] == [90, 60]
            await over_http(served, "PATCH", f"/api/outputs/{next(iter(served.live.outputs)).id}", rate=45)
    assert "left out" not in caplog.text
    assert [kept["url"] for kept in written(tmp_path)] == ["vmc://127.0.0.1:23461?rate=15"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"face3d_outputs": 2, "outputs": []}', b'{"face3d_outputs": 1}', b"[" * 10**5,
     b" " * (MAX_BYTES + 1)],
    ids=["empty", "cut", "list", "bytes", "newer", "nothing", "deep", "huge"],
)  # fmt: skip
async def test_a_broken_file_is_said_and_put_aside(tmp_path, caplog, content):
    (tmp_path / "outputs.json").write_bytes(content)
    with caplog.at_level(logging.WARNING, "face3d_live"):
        outputs = OutputManager(tmp_path)
        outputs.restore()
    assert len(outputs) == 0
    (record,) = caplog.records
    assert "starting without the outputs" in record.getMessage() and "outputs.broken.json" in record.getMessage()
    assert (tmp_path / "outputs.broken.json").read_bytes() == content
    outputs.persist(outputs.add("vmc://127.0.0.1:23463", enabled=False))
    await outputs.stop()
    assert len(written(tmp_path)) == 1


def test_one_bad_output_costs_no_other(tmp_path, caplog):
    items = [
        {"url": "vmc://8.8.8.8"}, {"url": 3}, "vmc://127.0.0.1", {"url": "vmc://127.0.0.1:23464", "enabled": "yes"},
        {"url": "osf://127.0.0.1:23464?mapping=lost", "enabled": False},
        {"url": "vmc://127.0.0.1:23465", "enabled": False, "profile": {"channels": {"jawOpn": {}}}},
        {"url": "livelink://127.0.0.1:23466", "enabled": False, "later": True},
    ]  # fmt: skip
    (tmp_path / "outputs.json").write_text(json.dumps({"face3d_outputs": 1, "outputs": items}))
    with caplog.at_level(logging.WARNING, "face3d_live"):
        outputs = OutputManager(tmp_path)
        outputs.restore()
    assert [output.address.kind for output in outputs] == ["livelink"]
    assert len(caplog.records) == 6 and all("left out" in record.getMessage() for record in caplog.records)
    assert any("did you mean jawOpen" in record.getMessage() for record in caplog.records)


async def test_a_mapping_that_is_deleted_is_kept_in_the_output(tmp_path):
    outputs = OutputManager(tmp_path)
    outputs.profiles.save("loud", Profile(channels={"jawOpen": Channel(gain=1.5)}))
    outputs.persist(outputs.add("vmc://127.0.0.1:23467?mapping=loud", enabled=False))
    outputs.profiles.delete("loud")
    await outputs.stop()
    again = OutputManager(tmp_path)
    again.restore()
    (output,) = again
    assert output.mapping.profile.channels["jawOpen"].gain == 1.5


async def test_a_folder_that_cannot_be_written_is_said_once(tmp_path, caplog):
    folder = tmp_path / "a file"
    folder.write_text("")
    outputs = OutputManager(folder)
    with caplog.at_level(logging.WARNING, "face3d_live"):
        output = outputs.add("vmc://127.0.0.1:23468", enabled=False)
        for _ in range(3):
            outputs.persist(output)
            outputs.save()
        await outputs.stop()
    assert len(caplog.records) == 1 and "not remembered" in caplog.text


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_ITEM = st.fixed_dictionaries({"url": _JSON | st.just("vmc://127.0.0.1:23469")}, optional={"profile": _JSON})


@given(st.fixed_dictionaries({"face3d_outputs": st.just(1), "outputs": st.lists(_ITEM | _JSON, max_size=4)}) | _JSON)
@settings(max_examples=50, deadline=None)
def test_any_file_is_read_or_refused(plain):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "outputs.json").write_text(json.dumps(plain))
        for kept in OutputStore(Path(folder)).load():
            assert isinstance(kept.url, str)
