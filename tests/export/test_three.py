"""head.glb and a take's animation in three.js: what a page on the web makes of our files, seen and measured."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import browser_support as support
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from takes_support import frames, write
from texture_support import mottled
from three_support import three

from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.export.glb import head_glb
from face3d_live.export.textured_head import TexturedHead
from face3d_live.head.model import Head
from face3d_live.takes import formats
from face3d_live.takes.reader import load

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

HOST = "http://three.test/"
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking")
SIDE = 256
PAGE = """<!doctype html><canvas id="canvas" width="256" height="256"></canvas>
<script type="importmap">{"imports": {"three": "/build/three.module.js", "three/addons/": "/examples/jsm/"}}</script>
<script type="module" src="/scene.js"></script>"""
SCENE = """
import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const canvas = document.querySelector("#canvas");
const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
const camera = new THREE.PerspectiveCamera(24, 1, 0.05, 5);
camera.position.set(0, 0, 0.75);
const scene = new THREE.Scene();
scene.background = new THREE.Color(0x1c3350);
const sun = new THREE.DirectionalLight(0xffffff, 2);
sun.position.set(0.4, 0.5, 1);
scene.add(sun, new THREE.HemisphereLight(0xffffff, 0x8899aa, 1.2));
let model, mesh, parts, mixer;

window.load = async (url) => {
  const gltf = await new GLTFLoader().loadAsync(url);
  if (model) scene.remove(model);
  model = gltf.scene;
  scene.add(model);
  parts = [];
  model.traverse((node) => { if (node.isMesh) parts.push(node); });
  mesh = parts.find((part) => part.material.name === "skin");
  mixer = gltf.animations.length ? new THREE.AnimationMixer(model) : null;
  for (const clip of gltf.animations) mixer.clipAction(clip).play();
  const { geometry, material } = mesh;
  const size = (texture) => texture && [texture.image.width, texture.image.height, texture.colorSpace];
  return {
    attributes: Object.keys(geometry.attributes), vertices: geometry.attributes.position.count,
    targets: mesh.morphTargetDictionary, moved: Object.keys(geometry.morphAttributes),
    influences: mesh.morphTargetInfluences, map: size(material.map), normals: size(material.normalMap),
    parts: parts.map((part) => [part.material.name, part.isSkinnedMesh, part.geometry.index.count / 3]),
    bones: mesh.skeleton.bones.map((bone) => bone.name),
    clips: gltf.animations.map((clip) => [clip.name, clip.duration]),
  };
};
window.pose = (values) => {
  for (const part of parts)
    for (const [name, i] of Object.entries(part.morphTargetDictionary ?? {}))
      part.morphTargetInfluences[i] = values[name] ?? 0;
};
window.turn = (name, x, y, z, w) => model.getObjectByName(name).quaternion.set(x, y, z, w);
window.seek = (t) => {
  mixer.setTime(t);
  const { x, y, z, w } = model.getObjectByName("head").quaternion;
  return { influences: mesh.morphTargetInfluences, turn: [x, y, z, w] };
};
window.draw = () => {
  renderer.render(scene, camera);
  return canvas.toDataURL("image/png");
};
window.ready = true;
"""


@pytest.fixture(scope="module")
def codes() -> HeadCodes:
    expression = np.zeros(52, np.float32)
    expression[INDEX["mouthSmileLeft"]] = 0.75
    return HeadCodes(shape=np.random.default_rng(3).normal(size=80).astype(np.float32) * 0.6, expression=expression)


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    return load(write(tmp_path_factory.mktemp("take") / "take.jsonl", frames()))


@pytest.fixture(scope="module")
def page(codes, take, tmp_path_factory) -> Iterator:
    """A page with three.js, our two files beside it; what three.js complains of is in `page.complaints`."""
    files = {f"/{path}": script for path, script in three().items()}
    texture = mottled(512)
    texture[:, :256] = texture[:, :256] * (0.6, 0.8, 1.0)  # the subject's left half is told by its colour
    flat = np.full((64, 64, 3), (128, 128, 255), np.uint8)
    animated = tmp_path_factory.mktemp("glb") / "take.glb"
    formats.save_take(take, animated)
    files |= {"/": PAGE.encode(), "/scene.js": SCENE.encode(), "/take.glb": animated.read_bytes()}
    files["/head.glb"] = head_glb(TexturedHead(Head.load(), codes, "low", texture, flat))

    def answer(route) -> None:
        path = route.request.url.removeprefix(HOST.rstrip("/"))
        kind = "text/html" if path == "/" else "text/javascript" if path.endswith(".js") else "model/gltf-binary"
        route.fulfill(status=200 if path in files else 404, body=files.get(path, b""), content_type=kind)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=list(FLAGS))
        page: Any = chromium.new_page()
        page.set_default_timeout(120_000)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda message: "THREE" in message.text and page.complaints.append(message.text))
        page.route(HOST + "**", answer)
        page.goto(HOST)
        page.wait_for_function("window.ready")
        yield page
        chromium.close()


def drawn(page) -> np.ndarray:  # (SIDE, SIDE, 3)
    """What is seen now."""
    data = base64.b64decode(page.evaluate("draw()").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


def posed(page, **values: float) -> np.ndarray:
    page.evaluate("(values) => pose(values)", values)
    return drawn(page)


@pytest.mark.slow
def test_the_head_opens_with_its_texture_normals_and_targets(page, codes) -> None:
    found = page.evaluate("load('/head.glb')")
    assert found["targets"] == dict(INDEX), "the targets are named and ordered as ARKit's"
    assert {"position", "normal", "uv"} <= set(found["attributes"])
    assert [name for name, *_ in found["parts"]] == ["skin", "eyes", "teeth", "tongue", "mouth", "lashes"]
    assert all(skinned for _, skinned, _ in found["parts"])
    assert sum(count for *_, count in found["parts"][:-1]) == len(Head.load().topology("low").faces)
    assert found["bones"] == ["head", "neck", "leftEye", "rightEye"]
    assert set(found["moved"]) == {"position", "normal"}
    assert found["influences"] == pytest.approx(codes.expression.tolist(), abs=1e-4)
    assert found["map"] == [512, 512, "srgb"] and found["normals"] == [64, 64, ""]
    assert page.complaints == []


def test_the_head_is_seen_in_its_skin_the_right_way_round(page) -> None:
    page.evaluate("load('/head.glb')")
    picture = posed(page)
    background = picture[4, 4]
    head = np.abs(picture - background).max(2) > 12
    assert 0.25 < head.mean() < 0.8 and head[SIDE // 2, SIDE // 2] and not head[:, :8].any()
    cheeks = picture[140:165, 80:105].mean((0, 1)), picture[140:165, 151:176].mean((0, 1))
    ratios = [cheek[0] / cheek[2] for cheek in cheeks]  # u = 0 is at the left of the picture: the subject's right
    assert max(ratios) > 1.3 * min(ratios) and ratios[1] > ratios[0]


def test_a_target_at_one_moves_what_it_names(page) -> None:
    page.evaluate("load('/head.glb')")
    rest = posed(page)
    ways = {name: np.abs(posed(page, **{name: 1.0}) - rest).max(2) > 16 for name in ("jawOpen", "eyeBlinkLeft")}
    jaw, lid = ways["jawOpen"], ways["eyeBlinkLeft"]
    assert jaw.sum() > 400 and jaw[: SIDE // 2 - 10].sum() < 0.1 * jaw.sum(), "a jaw moves the lower face"
    assert lid.sum() > 40 and lid[:, SIDE // 2 :].sum() > 0.9 * lid.sum(), "the subject's left is at the right"
    assert lid[SIDE * 2 // 3 :].sum() == 0
    still = [name for name in ARKIT[::5] if (np.abs(posed(page, **{name: 1.0}) - rest).max(2) > 4).sum() < 12]
    assert still == [], "targets that move nothing"
    assert page.complaints == []


@pytest.mark.slow
def test_the_bones_turn_head_and_eyes(page) -> None:
    page.evaluate("load('/head.glb')")
    rest = posed(page)
    page.evaluate("turn('leftEye', 0, 0.17, 0, 0.985)")
    eye = np.abs(drawn(page) - rest).max(2) > 8
    assert eye.sum() > 8 and eye[:, : SIDE // 2].sum() == 0 and not eye[SIDE * 2 // 3 :].any()
    page.evaluate("turn('leftEye', 0, 0, 0, 1)")
    page.evaluate("turn('head', 0, 0.17, 0, 0.985)")
    moved = (np.abs(drawn(page) - rest).max(2) > 12)[: SIDE * 2 // 3].mean()
    assert moved > 0.05, "the head turns"
    assert page.complaints == []


@pytest.mark.slow
def test_a_take_plays_as_it_was_recorded(page, take) -> None:
    found = page.evaluate("load('/take.glb')")
    ((_, duration),) = found["clips"]
    assert duration == pytest.approx(take.t[-1], abs=1e-4)
    names = sorted(found["targets"], key=found["targets"].get)
    order = [ARKIT.index(name) for name in names]
    turns, pictures = [], []
    for k in (0, 5, 9):
        moment = page.evaluate("(t) => seek(t)", float(take.t[k]))
        assert moment["influences"] == pytest.approx(take.expression[k][order].clip(0, 1).tolist(), abs=2e-3)
        turns.append(np.array(moment["turn"]))
        pictures.append(drawn(page))
    for before, after in pairwise(pictures):
        assert (np.abs(after - before).max(2) > 16).mean() > 0.03, "the head does not move"
    assert min(abs(a @ b) for a, b in pairwise(turns)) < 0.999, "the head does not turn"
    assert page.complaints == []
