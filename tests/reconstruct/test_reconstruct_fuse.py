"""Several pictures of one person: one identity, one texture without seams, without what only one of them shows."""

import numpy as np
import pytest
from texture_support import mottled, picture_of, posed

from face3d_live.camera import Camera
from face3d_live.codes import INDEX
from face3d_live.errors import InputError
from face3d_live.export.params import params_from
from face3d_live.lighting import ambient, lamp
from face3d_live.reconstruct import Found, Options, Reconstructor, reconstruct_person
from face3d_live.reconstruct import batch as batch_module
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.fusing import VIDEO_PICTURES, moments, read_pictures
from face3d_live.reconstruct.quality_gate import Quality
from face3d_live.regress.fit import Fitter
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.portrait import ObservedTexture, observe_texture
from face3d_live.texture.several import fuse

pytestmark = pytest.mark.slow

SIDE = 320
CAMERA = Camera.webcam(SIDE, SIDE)


def part(picture, known, covered=0.0):
    return ObservedTexture(
        np.asarray(picture, np.uint8), np.asarray(known, np.float32), np.zeros(27, np.float32), covered
    )


def test_one_photo_stays_what_it_is(head):
    only = part(np.full((64, 64, 3), 90), np.ones((64, 64)))
    assert fuse([only], [1.0], head) is only


def test_the_other_photo_fills_in_in_the_first_one_s_tone(head):
    detail = (np.indices((64, 64)).sum(0) % 2 * 8)[..., None]
    left, both = np.zeros((64, 64)), np.ones((64, 64))
    left[:, :36] = 1
    warm, cold = np.array([190, 140, 110]) + detail, np.array([150, 140, 150]) + detail
    fused = fuse([part(warm, left), part(cold, both)], [1.0, 0.8], head)
    assert (fused.known == 1).mean() > 0.99
    assert np.abs(fused.picture.astype(int) - warm).max() < 14
    assert np.abs(np.diff(fused.picture[:, 30:42].astype(int).mean((0, 2)))[[0, -1]]).max() < 12


def test_what_one_of_three_shows_is_outvoted(head):
    plain = np.full((64, 64, 3), 150)
    marked = plain.copy()
    marked[20:24, 20:24] = (20, 20, 20)
    whole = np.ones((64, 64))
    fused = fuse([part(marked, whole), part(plain, whole), part(plain, whole)], [1.0, 0.9, 0.9], head)
    assert fused.picture[20:24, 20:24].min() > 100


def test_two_sides_make_a_whole_face(head):
    """Seen from the left and from the right: together more of the face is known than in either."""
    albedo, paint = Albedo.load(), mottled(seed=4)
    lights = ambient(np.ones(3)), ambient(np.full(3, 0.5)) + lamp(np.array([0.5, 0.2, 1.0]), np.full(3, 0.6))
    parts = []
    for yaw, light in zip((0.6, -0.6), lights, strict=True):
        codes = posed(yaw, light=light)
        parts.append(observe_texture(picture_of(head, codes, CAMERA, paint), codes, CAMERA, head, albedo, 256))
    fused = fuse(parts, [1.0, 1.0], head)
    assert (fused.known > 0.25).sum() > 1.15 * max((one.known > 0.25).sum() for one in parts)
    sure = fused.known > 0.5
    assert np.median(np.abs(fused.picture[sure].astype(int) - paint[sure])) < 18


class Knows(Reconstructor):
    """Finds the heads of `album` one after the other; a name that begins with "dark" shows none."""

    def __init__(self, codes):
        super().__init__("cpu")
        self._codes = codes
        self._n = -1

    def find(self, rgb, choice, detections=None):
        self._n += 1
        codes = self._codes[self._n]
        if codes is None:
            raise refusal("no-face")
        points = CAMERA.project(Fitter(self.head).points3d(codes))
        return Found(codes, CAMERA, 0.9, points, np.full(478, 2.0, np.float32))


def test_a_person_gets_one_identity_and_the_best_picture_s_expression(head):
    truth = np.zeros(80, np.float32)
    smile = np.zeros(52, np.float32)
    smile[INDEX["mouthSmileLeft"]] = 0.7
    rng = np.random.default_rng(0)
    codes = [
        posed(0.5, shape=truth + rng.normal(size=80).astype(np.float32) * 0.3),
        posed(0.0, shape=truth + rng.normal(size=80).astype(np.float32) * 0.3, expression=smile),
        None,
    ]
    album = [(f"{i}.png", picture_of(head, one or posed(), CAMERA, mottled())) for i, one in enumerate(codes)]
    made = Knows(codes).person(album, Options("low", 512, refine=False))
    found = params_from(made.files["params.npz"]).codes
    assert made.report["fused"] == {"pictures": ["1.png", "0.png"], "left_out": {"2.png": "no-face"}}
    assert found.expression[INDEX["mouthSmileLeft"]] > 0.4
    singly = [np.abs(one.shape - truth).mean() for one in codes[:2]]
    held_back = 1.0 if made.report["mode"] == "full" else 0.5
    assert np.abs(found.shape / held_back - truth).mean() < np.mean(singly)
    with pytest.raises(InputError, match="no-face"):
        Knows([None]).person(album[:1])


def test_sure_large_sharp_and_frontal_pictures_count_most(head):
    from face3d_live.reconstruct.fusing import PersonView

    def trust(**changes):
        figures = {"face": 200.0, "sharpness": 0.3, "light": 200.0, "outside": 0.0, "yaw": 0.0, "pitch": 0.0}
        figures |= {k: v for k, v in changes.items() if k != "confidence"}
        confidence = changes.get("confidence", 0.8)
        found = Found(posed(), CAMERA, confidence, np.zeros((478, 2)), np.ones(478))
        return PersonView(
            "", None, found, Quality(**figures, confidence=confidence, warnings=(), conservative=False)
        ).trust

    for worse in ({"face": 60.0}, {"sharpness": 0.1}, {"yaw": 0.9}, {"pitch": 0.6}, {"confidence": 0.3}):
        assert trust(**worse) < 0.8 * trust()


def write_video(path, frames):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def test_a_video_gives_its_sharpest_moments(tmp_path):
    rng = np.random.default_rng(0)
    sharp = np.kron(rng.integers(0, 255, (16, 16, 1)), np.ones((8, 8, 3))).astype(np.uint8)
    frames = [sharp if i % 4 == 2 else np.full_like(sharp, 120) for i in range(32)]
    write_video(tmp_path / "me.mp4", frames)
    found = moments(tmp_path / "me.mp4")
    assert len(found) == VIDEO_PICTURES
    assert all(rgb.std() > 30 for _, rgb in found)
    assert [round(t * 25) % 4 for t, _ in found] == [2] * VIDEO_PICTURES
    assert read_pictures([tmp_path / "me.mp4"])[0][0].endswith("me.mp4@0.08s")


def test_too_many_pictures_are_refused(tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="too-many-photos"):
        read_pictures([tmp_path / "a.png"] * 13)


def test_the_command_writes_one_folder_and_skips_it_the_next_time(tmp_path, monkeypatch, capsys, head):
    from PIL import Image

    codes = posed()
    Image.fromarray(picture_of(head, codes, CAMERA, mottled())).save(tmp_path / "a.png")
    monkeypatch.setattr(batch_module, "Reconstructor", lambda *_: Knows([codes, codes]))
    options = Options("low", 512, refine=False, only="structure")
    assert reconstruct_person([tmp_path / "a.png", tmp_path / "a.png"], tmp_path / "out", options) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"structure.png", "params.npz", "report.json"}
    assert reconstruct_person([tmp_path / "a.png"], tmp_path / "out", options) == 0
    assert "there already" in capsys.readouterr().out
