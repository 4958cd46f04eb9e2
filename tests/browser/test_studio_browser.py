"""The studio page in Chromium, against the real server: a portrait becomes a head that turns, moves and is fetched."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser_support as support
import cv2
import numpy as np
import pytest
from glb_support import read_glb
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from skimage import data
from waiting import wait_until

from face3d_live.avatar.load import load_avatar
from face3d_live.codes import ARKIT
from face3d_live.export.params import params_from
from face3d_live.eyewear import Glasses

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

FITS = """() => {
  const parts = document.querySelectorAll("button, a, select, input:not([type=radio]), .views label");
  return document.documentElement.scrollWidth <= innerWidth && [...parts].filter((e) => e.offsetParent).every((e) => {
    const r = e.getBoundingClientRect();
    return r.left >= 0 && r.right <= innerWidth;
  });
}"""
#: Notes what forms are sent, which Playwright does not show.
FORMS = """window.forms = [];
const original = window.fetch;
window.fetch = (path, options) => {
  if (options?.body instanceof FormData) window.forms.push([path, Object.fromEntries(options.body)]);
  return original(path, options);
};"""
#: Counts the pictures of the head: those that were asked for and drawn, and whether the last is a fine one.
LOOKS = """window.looks = { asked: 0, drawn: 0, fine: false };
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  window.looks.asked++;
  window.looks.fine = JSON.parse(text).fine;
  send.call(this, text);
};
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...args) {
  if (this.canvas.id === "head") window.looks.drawn++;
  draw.apply(this, args);
};"""
#: Drops a file of these bytes onto the page.
DROP = """(base64) => {
  const dataTransfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  dataTransfer.items.add(new File([bytes], "me.jpg", { type: "image/jpeg" }));
  for (const type of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=list(support.FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures good and bad."""
    folder = tmp_path_factory.mktemp("photos")
    portrait = data.astronaut()
    Image.fromarray(portrait).save(folder / "portrait.jpg", quality=92)
    turned = Image.fromarray(np.rot90(portrait).copy())
    exif = turned.getexif()
    exif[0x0112] = 6  # to be seen upright it has to be turned clockwise
    turned.save(folder / "turned.jpg", exif=exif)
    face = portrait[20:270, 100:350]
    Image.fromarray(np.concatenate([face, face[:, ::-1]], 1)).save(folder / "two.png")
    noise = np.random.default_rng(0)
    Image.fromarray(noise.integers(0, 255, (300, 300, 3), np.uint8)).save(folder / "nobody.png")
    large = cv2.resize(portrait, (1700, 1700)).astype(int) + noise.integers(-9, 9, (1700, 1700, 3))
    Image.fromarray(np.clip(large, 0, 255).astype(np.uint8)).save(folder / "large.png")
    assert 5 < (folder / "large.png").stat().st_size / 2**20 < 20
    Image.fromarray(cv2.GaussianBlur(portrait, (0, 0), 4)).save(folder / "blurred.jpg")
    (folder / "text.jpg").write_text("this is no photo")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    return folder


def open_page(browser, server, *, width: int = 1280, height: int = 800, language: str = "en-US", path="studio.html"):
    """A page in a context of its own, its script errors collected in `page.faults`."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, locale=language)
    for script in (FORMS, LOOKS):
        context.add_init_script(f"{{{script}}}")
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(server.url + path)
    return page


def put(page, photo: Path) -> None:
    """Choose a file, as the button's dialog does."""
    page.set_input_files("#file", photo)


def settled(page) -> np.ndarray:
    """The head, once its picture does not change any more."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    support.until(page, "looks.fine && looks.drawn === looks.asked")
    shown = support.head_of(page)
    assert shown.std() > 5
    return shown


@pytest.fixture(scope="module")
def page(browser, server, photos) -> Iterator:
    """A page that shows the portrait's head, through most tests of this module."""
    page = open_page(browser, server)
    put(page, photos / "portrait.jpg")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    # The face is where it is in the picture, and the cut shows it.
    box = page.locator(".face").bounding_box()
    frame = page.locator("#frame").bounding_box()
    centre = (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"]
    assert abs(512 * centre - 225) < 20
    cut = page.evaluate("document.querySelector('#crop').toDataURL().length")
    assert cut > 10_000
    page.click("#make")
    assert page.is_disabled("#make") and page.is_disabled("#another")
    page.wait_for_selector("#stages .running", timeout=120_000)
    page.wait_for_selector("body[data-state=live]", timeout=120_000)
    yield page
    assert page.faults == []
    page.context.close()


def test_the_photo_is_sent_once(page) -> None:
    sent = page.evaluate("window.forms.map(([path, form]) => [path, typeof form.photo, form.refine ?? null])")
    assert sent == [["api/faces", "object", None], ["api/reconstruct", "string", "true"]]


def test_the_stages_say_their_seconds(page) -> None:
    for stage in ("face", "geometry", "texture"):
        expect(page.locator(f"[data-stage={stage}].over b")).to_have_text(re.compile(r"^\d+\.\d s$"))


def test_the_head_is_there_and_turns(page) -> None:
    front = settled(page)
    middle, edge = front[30:66, 36:60].mean((0, 1)), front[:6, :6].mean((0, 1))
    assert np.abs(middle - edge).max() > 40, "no head in the middle"
    box = page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 5, y, steps=4)
    page.mouse.up()
    turned = settled(page)
    assert np.abs(turned - front).mean() > 3, "the head does not turn"
    page.keyboard.press("0")
    assert np.abs(settled(page) - front).mean() < 0.5, "the head does not turn back"


def test_sliders_move_the_head(page) -> None:
    page.click("#neutral")
    neutral = settled(page)
    assert page.evaluate("[...document.querySelectorAll('#sliders input')].map((i) => i.name).sort()") == sorted(ARKIT)
    page.fill("input[name=jawOpen]", "0.9")
    opened = np.abs(settled(page) - neutral).mean(-1)
    assert opened[55:80].mean() > 2, "the jaw does not open"
    assert opened[20:40].mean() < 0.3 * opened[55:80].mean(), "more than the mouth moved"
    page.fill("input[name=eyeBlinkLeft]", "1")
    assert page.input_value("input[name=eyeBlinkRight]") == "1"
    page.uncheck("#both")
    page.fill("input[name=eyeBlinkLeft]", "0")
    assert page.input_value("input[name=eyeBlinkRight]") == "1"
    page.click("#as-photo")
    assert float(page.input_value("input[name=mouthSmileLeft]")) > 0.1, "the portrait smiles"


def test_views_differ_and_the_map_has_wires(page) -> None:
    seen = {}
    for mode in ("avatar", "geometry", "wireframe"):
        page.check(f"input[value={mode}]", force=True)
        seen[mode] = settled(page)
    for a, b in (("avatar", "geometry"), ("geometry", "wireframe"), ("avatar", "wireframe")):
        assert np.abs(seen[a] - seen[b]).mean() > 5, f"{a} and {b} look alike"
    assert np.ptp(seen["geometry"].mean((0, 1))) < 25, "the geometry is not grey"
    page.check("input[value=uv]", force=True)
    support.until(page, "[...document.querySelectorAll('#uv img')].every((i) => i.complete && i.naturalWidth === 1024)")
    page.check("#grid")
    expect(page.locator("#uv .wires")).to_be_visible()
    places = [page.locator(f"#uv img >> nth={i}").bounding_box() for i in range(2)]
    assert places[0] == places[1], "over the same picture"
    page.check("input[value=avatar]", force=True)
    assert np.abs(settled(page) - seen["avatar"]).mean() > 1, "the grid lies over the head"
    page.uncheck("#grid")
    assert np.abs(settled(page) - seen["avatar"]).mean() < 0.5


def test_downloads_open_elsewhere(page, tmp_path: Path) -> None:
    import trimesh

    with page.expect_download() as download:
        page.click("#zip")
    assert download.value.suggested_filename == "face3d-head.zip"
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        archive.extractall(tmp_path)
    parts: Any = trimesh.load_scene(tmp_path / "mesh.obj", process=False, split_object=True).geometry.values()
    mesh = max(parts, key=lambda part: len(part.vertices))
    assert len(mesh.vertices) > 10_000
    texture = np.asarray(mesh.visual.material.image.convert("RGB"), np.float32)
    assert texture.shape[:2] == (1024, 1024) and texture.std() > 10
    page.click(".single summary")
    for name in ("mesh.obj", "mesh.mtl", "texture.png", "texture_grid.png", "params.npz", "head.glb"):
        with page.expect_download() as download:
            page.click(f".files a[download='{name}']")
        assert Path(download.value.path()).read_bytes() == (tmp_path / name).read_bytes()
    page.click("#vrm summary")
    page.fill("#vrm-author", "Ada L.")
    page.select_option("#vrm select[name=commercialUsage]", "personalProfit")
    page.check("#vrm input[name=allowRedistribution]")
    with page.expect_download() as download:  # made when it is asked for
        page.click(".files a[download='head.vrm']")
    vrm = Path(download.value.path()).read_bytes()
    assert load_avatar(vrm).report.kind == "vrm1"
    meta = read_glb(vrm)[0]["extensions"]["VRMC_vrm"]["meta"]
    assert meta["authors"] == ["Ada L."] and meta["commercialUsage"] == "personalProfit"
    assert meta["modification"] == "prohibited" and meta["allowRedistribution"] is True
    glb = (tmp_path / "head.glb").read_bytes()
    described = json.loads(glb[20 : 20 + struct.unpack_from("<I", glb, 12)[0]])
    targets = [target for mesh in described["meshes"] for target in mesh.get("extras", {}).get("targetNames", [])]
    assert set(ARKIT) <= set(targets)
    assert trimesh.load_scene(tmp_path / "head.glb").geometry


def test_what_is_changed_is_seen_and_in_the_files(page) -> None:
    before = settled(page)
    page.fill("#hair-colour", "#2040ff")
    blue = settled(page)
    assert np.abs(blue - before).mean() > 0.5
    page.select_option("#hair-style", "afro")
    assert np.abs(settled(page) - blue).mean() > 0.5
    page.fill("input[name=jawOpen]", "0.6")
    with page.expect_download(timeout=120_000) as download:
        page.click(".files a[download='report.json']")
    edited = json.loads(Path(download.value.path()).read_text())["edited"]
    assert (edited["hair"], edited["expression"]["jawOpen"], edited["pose"]) == ("#2040ff", 0.6, None)
    assert edited["hair_style"] == "afro"
    haired = settled(page)
    page.select_option("#glasses-style", "sunglasses")
    assert np.abs(settled(page) - haired).mean() > 0.5
    with page.expect_download(timeout=120_000) as download:
        page.click(".files a[download='params.npz']")
    assert params_from(Path(download.value.path()).read_bytes()).glasses == Glasses("sunglasses")
    page.click("#glasses-back")
    page.click("#hair-back")
    page.click("#as-photo")
    assert np.abs(settled(page) - before).mean() < 0.5


def test_refusals_say_their_cure(browser, server, photos) -> None:
    page = open_page(browser, server)
    for name, title, cure in (
        ("nobody.png", "No face", "shows a face"),
        ("phone.heic", "type of file", "JPEG"),
        ("empty.jpg", "empty", "another"),
        ("text.jpg", "no picture", "JPEG"),
    ):
        put(page, photos / name)
        expect(page.locator("#card-title")).to_contain_text(title, timeout=120_000)
        assert cure in page.inner_text("#card-text")
    page.click("[data-language]")
    put(page, photos / "nobody.png")
    expect(page.locator("#card-title")).to_have_text("未找到人脸", timeout=120_000)
    photo, card = page.locator("#picture"), page.locator("#card-title")
    expect(photo).to_be_visible()
    assert photo.bounding_box()["x"] > card.bounding_box()["x"] + card.bounding_box()["width"], "beside the reason"
    put(page, photos / "blurred.jpg")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    expect(page.locator("#trouble")).to_contain_text("这张脸模糊")
    assert page.faults == []
    page.context.close()


def test_a_failed_job_says_its_cure_beside_the_button(browser, server, photos) -> None:
    page = open_page(browser, server)
    put(page, photos / "portrait.jpg")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    error = {"code": "blurred", "message": "the face is too blurred: give a sharp photo"}
    page.route("**/api/reconstruct", lambda route: route.fulfill(status=400, json={"error": error}))
    page.click("#make")
    expect(page.locator("#trouble")).to_contain_text("sharp photo", ignore_case=True)
    assert page.get_attribute("body", "data-state") == "photo" and page.is_enabled("#make")
    assert page.faults == []
    page.context.close()


def test_a_photo_that_the_server_has_let_go_is_sent_again(browser, server, photos) -> None:
    page = open_page(browser, server)
    put(page, photos / "portrait.jpg")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    page.uncheck("#refine")
    answers = iter([(404, "photo-gone"), (400, "blurred")])

    def answer(route) -> None:
        status, code = next(answers)
        route.fulfill(status=status, json={"error": {"code": code, "message": "send it again"}})

    page.route("**/api/reconstruct", answer)
    page.click("#make")
    expect(page.locator("#trouble")).to_contain_text("sharp photo", ignore_case=True, timeout=120_000)
    sent = page.evaluate("window.forms.map(([path, form]) => [path, typeof form.photo])")
    assert sent == [["api/faces", "object"], ["api/reconstruct", "string"]] * 2
    names = page.evaluate("window.forms.filter(([path]) => path === 'api/reconstruct').map(([, form]) => form.photo)")
    assert len(set(names)) == 2 and page.evaluate("window.forms.at(-1)[1].refine") == "false"
    assert page.faults == []
    page.context.close()


@pytest.mark.parametrize("path", ["studio.html", ""])
def test_the_header_of_a_phone_is_one_line(browser, server, path) -> None:
    page = open_page(browser, server, width=390, height=844, path=path)
    assert page.locator("header.top").bounding_box()["height"] < 70  # targets of 44 pixels, and their margins
    page.context.close()


def test_large_photos_go_on_turned_ones_stand_upright_and_faces_are_chosen(browser, server, photos) -> None:
    page = open_page(browser, server)
    put(page, photos / "large.png")
    expect(page.locator("#notice-text")).to_contain_text("smaller one is enough")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    put(page, photos / "turned.jpg")
    support.until(page, "document.querySelector('#picture').naturalWidth === 512")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    top = page.evaluate("document.querySelector('.face').style.top")
    assert abs(512 * float(top.rstrip("%")) / 100 - 70) < 30, "the face is not where it is upright"
    put(page, photos / "two.png")
    expect(page.locator(".face")).to_have_count(2, timeout=120_000)
    assert "2 faces" in page.inner_text("#order-text")
    crop = "document.querySelector('#crop').toDataURL()"
    first = page.evaluate(crop)
    page.click(".face[aria-pressed=false]")
    assert page.evaluate(crop) != first
    number = page.inner_text(".face[aria-pressed=true] span")
    page.route("**/api/reconstruct", lambda route: route.abort())
    page.click("#make")
    expect(page.locator("#trouble")).to_be_visible()
    path, form = page.evaluate("window.forms.at(-1)")
    assert path == "api/reconstruct" and form["face"] == number and form["mesh"] == "medium"
    assert page.faults == []
    page.context.close()


def test_a_dropped_photo_is_taken(browser, server, photos) -> None:
    page = open_page(browser, server)
    page.evaluate(DROP, base64.b64encode((photos / "portrait.jpg").read_bytes()).decode())
    page.wait_for_selector("#make:enabled", timeout=120_000)
    page.context.close()


def test_the_camera_takes_a_photo(browser, server) -> None:
    page = open_page(browser, server)
    page.context.grant_permissions(["camera"])
    page.click("#camera")
    support.until(page, "document.querySelector('#finder').videoWidth > 0")
    page.click("#shutter")
    # Chromium's test picture shows nobody.
    expect(page.locator("#card-title")).to_contain_text("No face", timeout=120_000)
    assert page.evaluate("document.querySelector('#finder').srcObject") is None
    page.context.close()


def test_a_camera_that_is_asked_for_twice_is_opened_once(browser, server, photos) -> None:
    page = open_page(browser, server)
    page.context.grant_permissions(["camera"])
    page.evaluate(support.SLOW_CAMERA)
    for _ in range(2):
        page.click("#camera")
    support.until(page, "window.asked.length === 2")
    page.evaluate("window.asked.forEach(({ allow }) => allow())")
    page.wait_for_selector("body[data-state=camera]")
    support.until(page, support.CAMERAS + ".join() === 'ended,live'")
    page.click("#cancel-camera")
    assert page.evaluate(support.CAMERAS) == ["ended", "ended"]
    # A photo that comes while the browser asks goes before the camera.
    page.click("#camera")
    support.until(page, "window.asked.length === 3")
    put(page, photos / "portrait.jpg")
    page.evaluate("window.asked[2].allow()")
    support.until(page, support.CAMERAS + ".at(-1) === 'ended'")
    page.wait_for_selector("#make:enabled", timeout=120_000)
    assert page.get_attribute("body", "data-state") == "photo"
    assert page.faults == []
    page.context.close()


@pytest.mark.parametrize("size", [(360, 640), (740, 360)])
def test_phones_never_scroll_sideways(browser, server, page, size) -> None:
    phone = open_page(browser, server, width=size[0], height=size[1])
    assert phone.evaluate(FITS)
    show_the_head_of(page, phone)
    assert phone.evaluate(FITS), "something hangs out of the page"
    phone.context.close()


def show_the_head_of(page, other) -> None:
    """What a link to a finished head does."""
    other.goto(page.url)
    other.reload()  # the address differs in its fragment only
    other.wait_for_selector("body[data-state=live]", timeout=120_000)


#: Texts and names that are shown and have Latin words in them.
LATIN = """() => {
  const kept = "script, style, noscript, [data-language]", found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, data } = walker.currentNode;
    if (!parentElement.closest(kept) && parentElement.checkVisibility({ visibilityProperty: true })) found.push(data);
  }
  for (const element of document.querySelectorAll("[aria-label], [alt]")) {
    if (!element.closest(kept)) found.push(element.getAttribute("aria-label") ?? element.alt);
  }
  return found.filter((text) => /[A-Za-z]{2}/.test(text));
}"""
NAMES = r"Face3D|JPEG|PNG|WebP|Blender|Unity|Unreal|Godot|UV|VRM|zip|MB|kB|\w+\.(obj|mtl|png|npz|glb|vrm|json)|mesh|FPS"


@pytest.mark.parametrize("path", ["studio.html", ""])
def test_the_chinese_pages_have_no_english_left(browser, server, page, path) -> None:
    finished, page = page, open_page(browser, server, language="zh-CN", path=path)
    page.wait_for_selector("#sliders input, .meter", state="attached")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    if path:
        show_the_head_of(finished, page)
        page.click(".single summary")
    left = [text for text in page.evaluate(LATIN) if re.search(r"[A-Za-z]{2}", re.sub(NAMES, "", text))]
    left = [text for text in left if text not in ARKIT]
    assert left == []
    page.click("[data-language]")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert not re.search(r"[\u4e00-\u9fff]", page.inner_text("main"))
    assert page.faults == []
    page.context.close()


def test_a_server_that_dies_is_said_and_the_head_comes_back(page, server) -> None:
    before = page.url
    server.kill()
    expect(page.locator("#notice-text")).to_contain_text("Connection lost", timeout=120_000)
    server.start()
    again = f"location.href !== {before!r} && document.body.dataset.state === 'live'"
    wait_until(lambda: page.evaluate(again), 120)  # two processes load, and the head is made anew
    wait_until(lambda: support.head_of(page).std() > 10)


def test_the_head_is_used_live(page, server) -> None:
    page.click("#use-live")
    worn = page.locator(".gallery [aria-pressed=true]")
    expect(worn).to_contain_text("head-", timeout=120_000)
    page.evaluate("localStorage.removeItem('face3d-choices')")
    page.go_back()
    page.wait_for_selector("body[data-state=live]", timeout=120_000)


def test_a_reload_keeps_the_head_and_delete_ends_it(page, server) -> None:
    """The last test of the running page."""
    link = page.get_attribute("#zip", "href")
    page.reload()
    page.wait_for_selector("body[data-state=live]", timeout=120_000)
    assert settled(page).std() > 10
    page.click("#delete")
    page.wait_for_selector("body[data-state=idle]")
    assert page.request.get(server.url + link).status == 404
    assert "#job" not in page.url
