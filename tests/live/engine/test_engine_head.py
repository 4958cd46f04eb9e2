"""The real pipeline: a head is drawn as asked, with and without a face in the picture."""

import io
import os
import zipfile

import cv2
import numpy as np
import pytest
from avatar_support import fox

from face3d_live.avatar.load import load_avatar
from face3d_live.codes import INDEX
from face3d_live.errors import InputError
from face3d_live.live.engine import stored_avatar
from face3d_live.live.engine.head_pipeline import HeadPipeline
from face3d_live.live.engine.pipeline import AVATAR_SIZE, TEXTURE_SIZE, CalibrationRequest, ViewRequest
from face3d_live.live.worker import tasks
from face3d_live.live.worker.live_texture import LiveTexture
from face3d_live.paths import WEB_CLIENT
from face3d_live.video import Video


@pytest.fixture(scope="module")
def pipeline():
    pipeline = HeadPipeline("cpu")
    pipeline.start()
    return pipeline


@pytest.fixture
def session(pipeline):
    pipeline.open("a", None)
    yield "a"
    pipeline.close("a")


def striped():
    """A picture without a face: stripes that run down, bright on the right."""
    rows = np.linspace(0, 200, 640).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rows[None, :, None], (480, 640, 3)))


def test_without_a_face_a_neutral_head_is_drawn(pipeline, session):
    result = pipeline.process(session, striped(), 0.0, ViewRequest())
    assert not result.face and result.image.shape == (AVATAR_SIZE, AVATAR_SIZE, 3) and result.image.dtype == np.uint8
    assert (result.codes.expression == 0).all()
    middle, corner = result.image[200:300, 200:300].astype(int), result.image[:40, :40].astype(int)
    # Skin in the middle (red before green before blue), studio wall in the corner.
    assert np.abs(middle.mean((0, 1)) - corner.mean((0, 1))).max() > 40
    assert (np.diff(middle.mean((0, 1))) < -5).all()
    assert {"track", "render"} <= set(result.ms)


def test_sessions_have_pictures_of_their_own_size(pipeline, session):
    large = pipeline.process(session, striped(), 0.0, ViewRequest())
    small = pipeline.process(session, striped(), 0.1, ViewRequest(side=256, cutout=True))
    over = pipeline.process(session, striped(), 0.2, ViewRequest("overlay", side=384))
    assert (small.image.shape, small.cutout.shape) == ((256, 256, 3), (256, 256, 4)) and over.image.shape[0] == 384
    halved = large.image.reshape(256, 2, 256, 2, 3).mean((1, 3))
    assert np.abs(halved - small.image).mean() < 2, "the same picture"


def test_views_differ_and_overlay_shows_the_camera(pipeline, session):
    pictures = {
        name: pipeline.process(session, striped(), 0.1 * i, view).image.astype(int)
        for i, (name, view) in enumerate(
            {
                "front": ViewRequest(),
                "side": ViewRequest(yaw=0.8),
                "near": ViewRequest(zoom=2),
                "wires": ViewRequest("wireframe"),
                "over": ViewRequest("overlay"),
            }.items()
        )
    }
    names = list(pictures)
    for i, one in enumerate(names):
        for other in names[:i]:
            assert np.abs(pictures[one] - pictures[other]).mean() > 3, (one, other)
    # The camera's picture behind, its left and right cut off to a square.
    strip = pictures["over"][:30].mean((0, 2))
    assert strip[0] == pytest.approx(200 * 80 / 640, abs=4) and strip[-1] == pytest.approx(200 * 560 / 640, abs=4)


def test_a_silent_camera_is_drawn_again_and_then_shows_nobody(pipeline, session):
    first = pipeline.process(session, None, 0.0, ViewRequest())
    assert not first.face
    pipeline.process(session, striped(), 1.0, ViewRequest())
    for t in (1.25, 1.75, 3.5):
        assert not pipeline.process(session, None, t, ViewRequest()).face


def test_calibrating_without_a_face_says_what_to_do(pipeline, session):
    pipeline.process(session, striped(), 0.0, ViewRequest())
    calibration = pipeline.calibrate(session, CalibrationRequest())
    assert not calibration.ok and calibration.error.code == "no-face"


def test_sessions_do_not_mix(pipeline, session):
    pipeline.open("b", None)
    pipeline.process("b", np.zeros((240, 320, 3), np.uint8), 5.0, ViewRequest())
    over = pipeline.process(session, striped(), 0.0, ViewRequest("overlay")).image
    assert over[:30, -30:].mean() > 150
    pipeline.close("b")
    pipeline.close("b")
    with pytest.raises(KeyError):
        pipeline.process("b", striped(), 6.0, ViewRequest())


@pytest.fixture(scope="module")
def sample():
    """Every other frame of the project's own clip, with times, and the jaw's known movement."""
    with Video.open(WEB_CLIENT / "sample" / "sample.mp4") as video:
        frames = [(rgb, t) for i, (rgb, t) in enumerate(video) if i % 2 == 0][:80]
    with np.load(WEB_CLIENT / "sample" / "sample_codes.npz") as known:
        return frames, known["expression"][0::2, INDEX["jawOpen"]][: len(frames)]


def test_the_sample_face_is_followed_and_drawn(pipeline, session, sample):
    frames, known = sample
    results = [pipeline.process(session, rgb, t, ViewRequest()) for rgb, t in frames]
    assert np.mean([result.face for result in results]) > 0.95
    jaw = np.array([result.codes.expression[INDEX["jawOpen"]] for result in results])
    # From the second second on: the identity has settled.
    assert np.corrcoef(jaw[15:], known[15:])[0, 1] > 0.5
    shut, wide = results[15 + int(known[15:].argmin())].image, results[15 + int(known[15:].argmax())].image
    mouth = (slice(280, 420), slice(190, 320))
    assert np.abs(shut[mouth].astype(int) - wide[mouth]).mean() > 6
    calibration = pipeline.calibrate(session, CalibrationRequest())
    assert calibration.ok or calibration.error.code == "moving"


def test_a_skin_is_worn_by_its_session_only(pipeline, session, sample):
    rgb, t = sample[0][0]
    pipeline.open("b", None)
    plain = pipeline.process(session, rgb, t, ViewRequest()).image.astype(int)
    green = np.full((TEXTURE_SIZE, TEXTURE_SIZE, 4), (40, 160, 40, 255), np.uint8)
    pipeline.set_texture("b", green)
    half = pipeline.process("b", rgb, t, ViewRequest()).image.astype(int)
    worn = pipeline.process("b", rgb, t + 1, ViewRequest()).image.astype(int)
    again = pipeline.process(session, rgb, t + 0.1, ViewRequest()).image.astype(int)
    face = (slice(200, 380), slice(200, 310))
    assert (worn[face][..., 1] - worn[face][..., 0]).mean() > 40 > (plain[face][..., 1] - plain[face][..., 0]).mean()
    assert np.abs(half[face] - plain[face]).mean() < 0.4 * np.abs(worn[face] - plain[face]).mean(), "it comes in slowly"
    assert np.abs(again[face] - plain[face]).mean() < 15
    # The next session that needs the place finds nothing of it.
    pipeline.close("b")
    pipeline.open("c", None)
    pipeline.set_texture("c", np.zeros((TEXTURE_SIZE, TEXTURE_SIZE, 4), np.uint8))
    bare = pipeline.process("c", rgb, t, ViewRequest()).image.astype(int)
    assert (bare[face][..., 1] - bare[face][..., 0]).mean() < 0
    pipeline.close("c")


def test_the_worker_makes_a_skin_of_good_moments(pipeline, session, sample):
    frames, _ = sample
    moments = []
    for rgb, t in frames[:12]:
        result = pipeline.process(session, rgb, t, ViewRequest())
        moments.append((rgb, result.raw, 1.0))
    texture = LiveTexture.from_bytes(tasks.fuse_texture(lambda *_: None, moments[6::2]))
    made = texture.image
    assert not texture.glasses.drawn
    middle = made[200:280, 200:310].reshape(-1, 4)
    assert (middle[:, 3] == 255).all() and middle[:, 0].mean() > middle[:, 2].mean() + 15
    assert made[..., :3].std() > 10


def test_the_worker_makes_zips_of_frames_and_photos(pipeline, session, sample):
    rgb, t = sample[0][20]
    codes = pipeline.process(session, rgb, t, ViewRequest()).raw
    encoded = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    for make in (
        lambda report: tasks.snapshot(report, rgb, codes),
        lambda report: tasks.reconstruct_photo(report, encoded),
    ):
        told = []
        with zipfile.ZipFile(io.BytesIO(make(lambda stage, share: told.append(share)))) as archive:  # noqa: B023
            assert {"mesh.obj", "mesh.mtl", "texture.png", "params.npz", "report.json"} <= set(archive.namelist())
            assert archive.testzip() is None
        assert told == sorted(told) and told[-1] == 1
    with pytest.raises(InputError, match="not-an-image"):
        tasks.reconstruct_photo(lambda *_: None, b"text")
    with pytest.raises(InputError, match="no-face"):
        tasks.reconstruct_photo(lambda *_: None, cv2.imencode(".png", striped())[1].tobytes())


def test_an_avatar_stands_for_its_session_only(pipeline, session):
    head = pipeline.process(session, striped(), 0.0, ViewRequest(cutout=True))
    assert head.cutout.shape == (AVATAR_SIZE, AVATAR_SIZE, 4) and head.cutout[0, 0, 3] == 0
    stored = stored_avatar.StoredAvatar(stored_avatar.pack(load_avatar(fox())))
    pipeline.open("other", None)
    pipeline.show_avatar("other", stored.key, stored_avatar.read_descriptor(os.dup(stored.fd)))
    other = pipeline.process("other", striped(), 0.0, ViewRequest(cutout=True))
    again = pipeline.process(session, striped(), 0.1, ViewRequest(cutout=True))
    assert np.abs(other.image.astype(int) - head.image).mean() > 10
    assert np.abs(again.image.astype(int) - head.image).mean() < 1
    over_camera = pipeline.process("other", striped(), 0.2, ViewRequest("overlay", cutout=True))
    assert over_camera.cutout[..., 3].max() == 0, "nobody is there"
    pipeline.show_avatar("other", None, b"")
    back = pipeline.process("other", None, 0.3, ViewRequest())
    assert back.cutout is None and np.abs(back.image.astype(int) - head.image).mean() < 3
    pipeline.close("other")


def test_sessions_of_a_batch_have_the_codes_that_they_have_alone(pipeline, sample):
    """Three sessions at three places of the clip. Estimates are equal up to float rounding (tests/regress), but a crop
    that moves by as little can change a pixel by one, and from frame to frame that adds up."""
    frames, _ = sample
    starts = {"one": 0, "two": 20, "three": 40}
    for name in starts:
        pipeline.open(f"{name} alone", None)
        pipeline.open(name, None)
    batched = 0
    for i in range(12):
        pictures = {name: frames[start + i] for name, start in starts.items()}
        pipeline.prepare({name: rgb for name, (rgb, _) in pictures.items()})
        for name, (rgb, t) in pictures.items():
            together = pipeline.process(name, rgb, t, ViewRequest(picture=False))
            alone = pipeline.process(f"{name} alone", rgb, t, ViewRequest(picture=False))
            assert together.face == alone.face and together.image is None
            apart = np.abs(together.codes.expression - alone.codes.expression)
            assert apart.max() < 0.1 and apart.mean() < 0.01
            np.testing.assert_allclose(together.codes.rotation, alone.codes.rotation, atol=0.02)
            np.testing.assert_allclose(together.codes.translation, alone.codes.translation, atol=0.02)
            batched += together.face
    assert batched > 30
    for name in starts:
        pipeline.close(name)
        pipeline.close(f"{name} alone")


def test_a_batch_survives_what_happens_before_its_turn(pipeline, sample):
    """A session that ends, and a picture of another size: the others' estimates stay theirs."""
    frames, _ = sample
    names = ("ends", "turns", "stays")
    for name in names:
        pipeline.open(name, None)
        for rgb, t in frames[:3]:
            pipeline.process(name, rgb, t, ViewRequest(picture=False))
    rgb, t = frames[3]
    pipeline.prepare(dict.fromkeys(names, rgb))
    pipeline.close("ends")
    assert not pipeline.process("turns", np.zeros((300, 300, 3), np.uint8), t, ViewRequest(picture=False)).face
    assert pipeline.process("stays", rgb, t, ViewRequest(picture=False)).face
    pipeline.close("turns")
    pipeline.close("stays")
