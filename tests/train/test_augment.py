"""Augmentation: labels move with the picture, mirrors are mirrors, damage stays a picture."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import interpolate  # noqa: E402

from face3d_live.codes import MIRROR  # noqa: E402
from face3d_live.head.model import Head  # noqa: E402
from face3d_live.head.points import MIRROR_478  # noqa: E402
from face3d_live.lighting import sh_basis  # noqa: E402
from face3d_live.rotations import angle_between, from_euler  # noqa: E402
from face3d_live.train import augment, damage  # noqa: E402
from face3d_live.train.data.pool import KEYS, SIZE, STORED, project  # noqa: E402
from face3d_live.train.synthetic.scene import place  # noqa: E402

Samples = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def batch(head: Head) -> Samples:
    """Heads in random poses; each picture is black but for a bright dot at point 4 (nose) and one at 33 (right eye)."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(12):
        sample = {key: np.zeros(shape, kind) if shape else kind(0) for key, (shape, kind) in KEYS.items()}
        sample["shape"] = rng.normal(size=80).astype(np.float32)
        sample["expression"] = rng.uniform(0, 0.5, 52).astype(np.float32)
        points = head.points(head.vertices(sample["shape"], sample["expression"]))
        where = place(points, from_euler(*np.radians(rng.normal(0, (25, 12, 10)))), rng.uniform(0.35, 1.5))
        sample |= {
            "rotation": where.rotation,
            "position": where.position,
            "light": rng.normal(size=27).astype(np.float32),
        }
        sample |= {"scale": np.float32(where.scale), "focal": np.float32(where.focal), "points": where.project(points)}
        sample |= {"shape_weight": np.float32(1), "visible": rng.uniform(size=478).astype(np.float32)}
        y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) * 2 / SIZE - 1
        for point, colour in ((4, 0), (33, 1)):
            px, py = sample["points"][point] / STORED
            sample["image"][..., colour] = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 0.03**2))
        rows.append(sample)
    return {key: np.stack([row[key] for row in rows]) for key in KEYS}


def centroid(channel: np.ndarray) -> np.ndarray:  # (S, S) -> (2,) crop coordinates
    size = channel.shape[-1]
    axis = (np.arange(size) + 0.5) * 2 / size - 1
    weight = np.maximum(channel - 0.2 * channel.max(), 0)
    return np.array([(weight * axis[None]).sum(), (weight * axis[:, None]).sum()]) / weight.sum()


def moved(batch: Samples, seed: int, size: int, mirror: np.ndarray | None = None) -> Samples:
    """The geometric half of the augmentation, at its full strength."""
    tensors = augment.to_tensors(batch)
    count, random = len(batch["source"]), torch.Generator().manual_seed(seed)
    matrix = None if mirror is None else torch.from_numpy(mirror)
    tensors = augment.flip(tensors, torch.rand(count, generator=random) < 0.5, matrix)
    zoom = torch.exp(torch.randn(count, generator=random) * 0.1)
    shift = torch.randn(count, 2, generator=random).clamp(-1.5, 1.5) * 0.08
    out = augment.reframe(tensors, size, zoom, shift, torch.randn(count, generator=random) * 0.2)
    return {key: value.numpy() for key, value in out.items()}


@pytest.mark.parametrize("size", [64, 112])
def test_points_move_with_the_picture(batch: Samples, size: int) -> None:
    out = moved(batch, 1, size)
    checked = 0
    for row in range(len(out["source"])):
        for point, colour in ((4, 0), (33, 1)):
            flipped = np.abs(out["points"][row, point] - centroid(out["image"][row, colour])).max()
            partner = np.abs(out["points"][row, MIRROR_478[point]] - centroid(out["image"][row, colour])).max()
            if np.abs(centroid(out["image"][row, colour])).max() < 0.9:  # the dot is whole
                assert min(flipped, partner) < 0.012
                checked += 1
    assert checked > 15


def test_pose_labels_still_put_the_head_on_its_points(head: Head, batch: Samples) -> None:
    """Through flips, shifts, zooms and rolls. What stays: moving the optical axis is not an affine change, and the
    points' two sides correspond to the head's almost, not exactly, as mirrors do."""
    out = moved(batch, 2, 64, augment.mirror_shape(head))
    errors = []
    for row in range(len(out["source"])):
        sample = {key: value[row] for key, value in out.items()}
        points = head.points(head.vertices(sample["shape"], sample["expression"]))
        errors.append(np.linalg.norm(project(points, sample) - sample["points"], axis=1).mean())
    assert np.median(errors) < 0.005 and max(errors) < 0.02


@pytest.mark.slow
def test_flipping_twice_changes_nothing(head: Head, batch: Samples) -> None:
    tensors = augment.to_tensors(batch)
    everyone = torch.ones(len(batch["source"]), dtype=torch.bool)
    mirror = torch.from_numpy(augment.mirror_shape(head))
    once = augment.flip(tensors, everyone, mirror)
    twice = augment.flip(once, everyone, mirror)
    for key in KEYS:
        if key not in ("texture_valid", "shape"):
            torch.testing.assert_close(twice[key], tensors[key])
    assert (twice["shape"] - tensors["shape"]).abs().mean() < 0.1
    np.testing.assert_array_equal(once["expression"].numpy(), batch["expression"][:, MIRROR])
    assert not torch.equal(once["points"], tensors["points"])


def test_a_mirrored_shape_is_the_mirrored_head(head: Head) -> None:
    rng = np.random.default_rng(4)
    code = rng.normal(size=80).astype(np.float32)
    partner = augment.mirror_vertices(head.template)
    expected = head.neutral(code)[partner] * (-1, 1, 1)
    found = head.neutral(code @ augment.mirror_shape(head))
    face = head.regions["face"]
    error = np.linalg.norm(found - expected, axis=1)[face].mean()
    assert error < 0.0008
    assert np.linalg.norm(head.neutral(code) - expected, axis=1)[face].mean() > 2 * error


def test_light_turns_and_mirrors_with_the_picture() -> None:
    rng = np.random.default_rng(5)
    light, angle = rng.normal(size=(1, 27)).astype(np.float32), 0.7
    normals = rng.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    rolled = augment.roll_light(torch.from_numpy(light), torch.tensor([angle])).numpy()
    turn = from_euler(0, 0, angle)
    before = sh_basis(normals) @ light.reshape(9, 3)
    np.testing.assert_allclose(sh_basis(normals @ turn.T) @ rolled.reshape(9, 3), before, atol=2e-4)
    mirrored = light.reshape(9, 3) * augment.LIGHT_MIRROR[:, None]
    np.testing.assert_allclose(sh_basis(normals * (-1, 1, 1)) @ mirrored, before, atol=2e-4)


def test_the_axis_rotation_brings_the_shifted_centre_to_the_middle() -> None:
    shift, focal = torch.tensor([[0.3, -0.2]]), torch.tensor([2.5])
    turn = augment.towards_axis(shift, focal)[0].numpy()
    ray = np.array([0.3, 0.2, -2.5])
    np.testing.assert_allclose(turn @ ray / np.linalg.norm(ray), (0, 0, -1), atol=1e-6)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert angle_between(turn, np.eye(3)) == pytest.approx(np.arctan(np.hypot(0.3, 0.2) / 2.5), abs=1e-4)


def test_plain_is_the_crop_itself(batch: Samples) -> None:
    out = augment.plain(batch, 112)
    np.testing.assert_allclose(out["points"].numpy(), batch["points"], atol=1e-6)
    np.testing.assert_allclose(out["rotation"].numpy(), batch["rotation"], atol=1e-5)
    found = centroid(out["image"][0, 0].numpy())
    np.testing.assert_allclose(found, batch["points"][0, 4], atol=0.01)


def test_augmenting_is_seeded_and_stays_in_range(batch: Samples) -> None:
    first, second, other = augment.Augmenter(1), augment.Augmenter(1), augment.Augmenter(2)
    a, b, c = (augmenter(batch, 64) for augmenter in (first, second, other))
    assert torch.equal(a["image"], b["image"]) and not torch.equal(a["image"], c["image"])
    assert a["image"].shape == (12, 3, 64, 64) and a["image"].min() >= 0 and a["image"].max() <= 1
    state = first.state()
    expected = first(batch, 80)["image"]
    other.restore(state)
    assert torch.equal(other(batch, 80)["image"], expected)
    assert all(torch.isfinite(value.float()).all() for value in a.values())


def test_compression_loses_more_when_stronger() -> None:
    torch.manual_seed(0)
    x = torch.linspace(0, 1, 64)
    waves = torch.sin(9 * x)[:, None] * torch.cos(7 * x)[None]
    smooth = (0.5 + 0.4 * waves).expand(2, 3, 64, 64)
    picture = (smooth + 0.1 * torch.randn(2, 3, 64, 64)).clamp(0, 1)
    grey = picture.mean(1, keepdim=True).expand(-1, 3, -1, -1)  # colour is halved in size, which no strength undoes
    errors = [(damage.compress(grey, torch.full((2,), s)) - grey).abs().mean().item() for s in (0.02, 0.5, 3.0)]
    assert errors[0] < 0.01 < errors[1] < errors[2] < 0.12
    assert (damage.compress(grey, torch.full((2,), 3.0)) - smooth).abs().mean() < 0.08


def test_what_is_covered_is_marked_hidden() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.full((40, 3, 64, 64), 0.5)
    points = torch.rand(40, 478, 2, generator=generator) * 1.9 - 0.95
    covered_image, visible = damage.occlude(image, points, torch.ones(40, 478), generator)
    changed = (covered_image != image).any(1)
    assert changed.flatten(1).any(1).sum() >= 3, "some pictures are covered"
    column, row = ((points + 1) * 32).long().clamp(0, 63).unbind(-1)
    at_points = changed[torch.arange(40)[:, None], row, column]
    assert ((visible == 0) == at_points).float().mean() > 0.97


@pytest.mark.parametrize("size", [48, 64, 112])
@pytest.mark.slow
def test_fewer_pixels_is_shrinking_by_area_and_stretching_back(size: int) -> None:
    image, factors = torch.rand(12, 3, size, size), torch.linspace(0.1, 0.85, 12)
    got = damage.fewer_pixels(image, factors)
    for picture, factor, answer in zip(image, factors.tolist(), got, strict=True):
        small = interpolate(picture[None], size=max(8, round(size * factor)), mode="area")
        wanted = interpolate(small, size=size, mode="bilinear", align_corners=False)[0]
        assert torch.allclose(answer, wanted, atol=1e-5)
