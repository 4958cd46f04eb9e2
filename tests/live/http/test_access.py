"""Ways in: tokens wherever they come from, names, throttling, headers, other origins' pages."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import websockets
from live_helpers import serve
from websockets.typing import Subprotocol

from face3d_live import files
from face3d_live.errors import Face3DError, InputError
from face3d_live.live import access, network
from face3d_live.live.access import Access
from face3d_live.live.http import throttle
from face3d_live.live.network import NetworkOptions
from face3d_live.mapping.profile import Profile
from face3d_live.mapping.store import ProfileStore

ROOT = Path(__file__).resolve().parents[3]


def error_of(response):
    return response.status_code, response.json()["error"]["code"]


def prepared(**options):
    made = network.prepare(NetworkOptions(port=0, **options))
    made.listener.close()
    return made


# --- where the token comes from ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.2"])
def test_off_the_loopback_a_token_is_made_and_printed(host):
    try:
        first, second = prepared(host=host), prepared(host=host)
    except InputError as error:
        pytest.skip(f"not an address of this machine: {error}")
    assert first.access.token != second.access.token and len(first.access.token) >= 20
    assert first.page_url().endswith("/#token=" + first.access.token) and "?" not in first.page_url()
    assert not first.access.loopback and prepared(host=host, insecure=True).access.token is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1"])
def test_on_the_loopback_none_is_needed(host):
    made = prepared(host=host)
    assert made.access.loopback and made.access.token is None and made.addresses is not None


@pytest.mark.parametrize("token", ["", " ", "\t", "\n", "a\nb", "a\0b", " a", "a\x7f", "x" * 201, "令牌"])
def test_empty_and_unusable_tokens_are_refused_wherever_they_come_from(token, tmp_path, monkeypatch):
    for make in (lambda: prepared(token=token), lambda: Access(token)):
        with pytest.raises(InputError, match="bad-token"):
            make()
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(InputError, match="bad-token"):
        if token.strip() == token:  # a file may end its line
            prepared(token_file=file)
        else:
            raise InputError("bad-token", "")
    if "\0" not in token:
        monkeypatch.setenv(access.TOKEN_VARIABLE, token)
        with pytest.raises(InputError, match="bad-token"):
            prepared()


def test_a_token_of_a_file_or_the_environment_is_used_and_not_shown(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    made = prepared(token_file=file, host="0.0.0.0")
    assert made.access.token == "s3cret" and "s3cret" not in "".join([made.page_url(), *made.other_urls()])
    monkeypatch.setenv(access.TOKEN_VARIABLE, "of-the-environment")
    made = prepared()
    assert made.access.token == "of-the-environment" and "token" not in made.page_url()
    assert access.TOKEN_VARIABLE not in os.environ, "children inherit the environment"


def test_what_contradicts_itself_is_refused(tmp_path):
    for options in ({"token": "a", "token_file": tmp_path}, {"token": "a", "insecure": True}):
        with pytest.raises(InputError, match="bad-option"):
            prepared(**options)
    with pytest.raises(InputError, match="bad-token"):
        prepared(token_file=tmp_path / "none")
    for name in ("http://a.example", "a b", "", "a/b", "*", "a:80", "\udcff"):
        with pytest.raises(InputError, match="bad-host"):
            prepared(allow_hosts=[name])
    for origin in ("example.org", "javascript:x", "https://a.example/b", "https://a b", "'none'; script-src *", ""):
        with pytest.raises(InputError, match="bad-option"):
            prepared(frame_ancestors=[origin])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_ps_does_not_show_the_token():
    code = (
        "import sys; from pathlib import Path; from face3d_live.live.access import hide_arguments\n"
        "hide_arguments([sys.argv[2], '']); sys.stdout.buffer.write(Path('/proc/self/cmdline').read_bytes())"
    )
    command = [sys.executable, "-c", code, "--token", "s3cret-and-long", "--other=s3cret-and-long", "end"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    seen = subprocess.run(command, capture_output=True, check=True, env=environment, timeout=60).stdout
    assert b"s3cret" not in seen and b"--token\0" in seen and seen.endswith(b"end\0")


# --- how it is shown --------------------------------------------------------------------------------------------------


def subprotocols(token):
    return [Subprotocol("face3d"), "face3d.token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")]


async def test_a_page_shows_the_token_in_headers_and_subprotocols():
    async with serve(ready=False, token="sésame") as served:
        for coded in ("sésame".encode(), "sésame".encode("latin-1")):
            headers = {"Authorization": b"Bearer " + coded}
            assert (await served.http.get("/api/sessions", headers=headers)).status_code == 200
        async with websockets.connect(served.ws + "/api/expressions", subprotocols=subprotocols("sésame")) as socket:
            assert socket.subprotocol == "face3d" and "hello" in await socket.recv()
        for wrong in (subprotocols("other"), ["face3d", "face3d.token."], ["face3d", "face3d.token.*"], ["face3d"]):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(served.ws + "/api/expressions", subprotocols=wrong)
            assert caught.value.response.status_code == 401


async def test_without_a_token_the_subprotocol_is_agreed_to_as_well():
    async with (
        serve(ready=False) as served,
        websockets.connect(served.ws + "/api/expressions", subprotocols=[Subprotocol("face3d")]) as socket,
    ):
        assert socket.subprotocol == "face3d"


@pytest.mark.parametrize("value", ["Bearer", "bearer", "Basic", ""])
async def test_nothing_is_no_token(value):
    async with serve(ready=False, token="x") as served:
        got = await served.http.get("/api/sessions", headers={"Authorization": value})
        assert error_of(got) == (401, "token")


async def test_a_token_in_an_address_is_refused():
    async with serve(ready=False, token="x") as served:
        for query in ("token=x", "token=", "format=arkit&token=x"):
            answer = await served.http.get(f"/api/sessions?{query}")
            assert error_of(answer) == (401, "token") and "Authorization" in answer.json()["error"]["message"]
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(f"{served.ws}/api/expressions?{query}")


async def test_all_but_the_page_is_behind_the_token():
    async with serve(ready=False, token="x") as served:
        get = served.http.get
        for path in ("/api/sessions", "/api/takes", "/api/nothing", "/metrics", "/api/view"):
            assert error_of(await get(path)) == (401, "token"), path
        for path in ("/", "/view", "/js/main.js", "/icon.svg"):
            assert (await get(path)).status_code == 200, path
        bearer = {"Authorization": "Bearer x"}
        assert (await get("/metrics", headers=bearer)).status_code == 200
        assert set((await get("/healthz")).json()) == {"status"}
        assert {"sessions", "device"} <= set((await get("/healthz", headers=bearer)).json())
        assert error_of(await get("/healthz", headers={"Authorization": "Bearer y"})) == (401, "token")


async def test_wrong_tokens_are_throttled_by_address_and_none_is_not_wrong():
    async with serve(ready=False, token="right") as served:
        get, right = served.http.get, {"Authorization": "Bearer right"}
        for _ in range(3 * throttle.WRONG):
            assert error_of(await get("/api/sessions")) == (401, "token")
        for number in range(throttle.WRONG):
            wrong = {"Authorization": f"Bearer {number}"}
            assert error_of(await get("/api/sessions", headers=wrong)) == (401, "token")
        answer = await get("/api/sessions", headers=right)  # else a guess that is right would be seen to be
        assert error_of(answer) == (429, "too-many-attempts") and int(answer.headers["retry-after"]) > 0
        assert (await get("/")).status_code == 200


def test_throttling_forgets_counts_networks_and_is_bounded():
    now = 0.0
    guard = throttle.Throttle(lambda: now)
    for _ in range(throttle.WRONG):
        guard.wrong("2001:db8::1")
    assert guard.wait("2001:db8::ffff") == throttle.SECONDS and guard.wait("2001:db8:0:1::1") == 0
    assert guard.wait("::ffff:192.0.2.1") == 0 and guard.wait("nonsense") == 0
    now = throttle.SECONDS
    assert guard.wait("2001:db8::1") == 0
    for number in range(throttle.REMEMBERED + 10):
        guard.wrong(f"10.0.{number // 256}.{number % 256}")
    assert len(guard) == throttle.REMEMBERED


# --- names: DNS rebinding ---------------------------------------------------------------------------------------------

NETWORK = Access(None, loopback=False, hosts=frozenset({"face.example.org", "mybox"}))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403), ("evil.example:8080", 403), ("192.0.2.7.evil.example", 403), ("", 403), ("[", 403),
        ("face.example.org.evil.example", 403), ("192.0.2.7:8080", 200), ("[2001:db8::1]:8080", 200), ("mybox", 200),
        ("FACE.example.org.:443", 200), ("localhost:8080", 200),
    ],
)  # fmt: skip
async def test_names_that_are_not_the_servers_are_refused_in_a_network(host, status):
    async with serve(ready=False, access=NETWORK) as served:
        headers = {"Host": host, "Origin": f"http://{host}"}
        for path in ("/api/sessions", "/metrics", "/healthz", "/"):
            assert (await served.http.get(path, headers=headers)).status_code == status, path


async def test_an_allowed_name_is_one_on_the_loopback_as_well():
    async with serve(ready=False, access=Access(hosts=frozenset({"face.example.org"}))) as served:
        headers = {"Host": "face.example.org", "Origin": "https://face.example.org"}
        assert (await served.http.get("/api/sessions", headers=headers)).status_code == 200
        assert error_of(await served.http.get("/", headers={"Host": "other.example.org"})) == (403, "bad-host")
        assert error_of(await served.http.get("/", headers={"Host": "192.0.2.7"})) == (403, "bad-host")


@pytest.mark.parametrize(
    "origin", ["null", "file://", "ftp://127.0.0.1", "http://", "chrome-extension://localhost", ""]
)
async def test_origins_that_are_no_pages_of_this_machine(origin):
    async with serve(ready=False) as served:
        got = await served.http.get("/api/sessions", headers={"Origin": origin})
        assert error_of(got) == (403, "bad-origin")


def test_this_machines_names_are_allowed_without_a_look_up(monkeypatch):
    def refuse(*_):
        raise AssertionError("a look-up")

    monkeypatch.setattr("socket.getfqdn", refuse)
    monkeypatch.setattr("socket.gethostbyname", refuse)
    monkeypatch.setattr("socket.gethostname", lambda: "MyBox.home.lan")
    hosts = access.allowed_hosts("0.0.0.0", ["Face.Example.org."], loopback=False)
    assert hosts >= {"mybox", "mybox.home.lan", "mybox.local", "face.example.org"}
    assert access.allowed_hosts("127.0.0.1", [], loopback=True) == frozenset()


# --- headers and pages of other origins -------------------------------------------------------------------------------


async def test_every_answer_has_the_headers():
    async with serve(ready=False) as served:

        async def requests():
            get = served.http.get
            for path in ("/", "/view", "/js/main.js", "/healthz", "/metrics", "/api/sessions", "/api/x", "/x"):
                yield await get(path)
            yield await get("/", headers={"Host": "evil.example"})
            yield await served.http.put("/api/sessions")
            yield await served.http.post("/api/faces")

        async for answer in requests():
            headers = answer.headers
            policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
            assert policy["default-src"] == "'self'" and policy["script-src"] == policy["style-src"] == "'self'"
            assert policy["frame-ancestors"] == "'none'" and policy["base-uri"] == policy["object-src"] == "'none'"
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
            assert "camera=(self), microphone=(self)" in headers["permissions-policy"]
            assert headers["x-frame-options"] == "DENY"


async def test_a_bug_is_answered_with_the_headers_too(monkeypatch):
    async with serve(ready=False) as served:
        with monkeypatch.context() as patch:
            patch.setattr(type(served.live.sessions), "__iter__", lambda self: 1 / 0)
            answer = await served.http.get("/api/sessions")
        assert error_of(answer) == (500, "internal") and answer.headers["x-content-type-options"] == "nosniff"


async def test_only_the_view_may_be_framed_and_only_where_asked():
    async with serve(ready=False, access=Access(frame_ancestors=("https://site.example",))) as served:
        view, page = await served.http.get("/view?ui=0"), await served.http.get("/")
        assert "frame-ancestors https://site.example" in view.headers["content-security-policy"]
        assert "x-frame-options" not in view.headers
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_pages_of_other_origins_read_what_they_have_the_token_for():
    elsewhere = {"Origin": "https://game.example"}
    asked = {**elsewhere, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    async with serve(ready=False, token="x") as served:
        preflight = await served.http.options("/api/sessions", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://game.example"
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in preflight.headers
        answer = await served.http.get("/api/sessions", headers={**elsewhere, "Authorization": "Bearer x"})
        assert answer.headers["access-control-allow-origin"] == "https://game.example"
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-origin" not in (await served.http.get("/healthz", headers=elsewhere)).headers
    async with serve(ready=False) as served:
        assert error_of(await served.http.options("/api/sessions", headers=asked)) == (403, "bad-origin")
        refused = await served.http.get("/api/sessions", headers=elsewhere)
        assert error_of(refused) == (403, "bad-origin") and "access-control-allow-origin" not in refused.headers
        near = {"Origin": "http://localhost:3000"}
        answer = await served.http.get("/api/sessions", headers=near)
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


# --- what is written --------------------------------------------------------------------------------------------------


def modes(folder):
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_new_files_and_folders_are_their_owners_alone(tmp_path):
    before = os.umask(0)
    try:
        files.write(tmp_path / "a" / "b" / "c.txt", b"1")
        ProfileStore(tmp_path / "config").save("mine", Profile())
        with open(tmp_path / "d", "xb", opener=files.open_new):
            pass
    finally:
        os.umask(before)
    for name, mode in modes(tmp_path).items():
        assert mode == (0o700 if (tmp_path / name).is_dir() else 0o600), name


def test_a_file_that_is_replaced_keeps_its_rights(tmp_path):
    out = tmp_path / "shared.txt"
    out.write_text("old")
    out.chmod(0o640)
    files.write(out, b"new")
    assert out.read_bytes() == b"new" and modes(tmp_path) == {"shared.txt": 0o640}


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    def full(self, *_):
        raise OSError(28, "No space left on device")

    ProfileStore(tmp_path).save("mine", Profile(mirror=True))
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Face3DError):
        ProfileStore(tmp_path).save("mine", Profile())
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "mappings").iterdir()] == ["mine.toml"]
    assert ProfileStore(tmp_path).load("mine").mirror
