"""Files that are small and valid, and would take seconds or minutes of every picture, or of the process that reads."""

from __future__ import annotations

import pytest
from avatar_support import fox, tiny
from costly_avatars import layered, plain_png, textured

from face3d_live.avatar import cost, images
from face3d_live.avatar.load import load_avatar
from face3d_live.errors import InputError
from face3d_live.render import avatar_trial


@pytest.mark.parametrize(
    "what",
    [
        {"layers": 60_000},  # the poison of the issue: 120,000 triangles, 7 MB
        {"layers": 60},
        {"layers": 60, "axis": 0},  # seen from the side
        {"layers": 60, "axis": 1},
        {"layers": 1, "nodes": 60},  # one square, shown often
        {"layers": 500, "blend": False},
        {"layers": 60, "side": 5.0},
    ],
)
def test_layers_are_bounded_however_they_are_made(what):
    with pytest.raises(InputError, match="avatar-too-complex"):
        load_avatar(layered(**what))


@pytest.mark.slow
def test_what_avatars_have_is_let_in():
    for data in (fox("glb"), fox("vrm0"), fox("vrm1"), layered(10), layered(60, side=0.1), layered(60, blend=False)):
        assert load_avatar(data).parts
    assert cost.layers_of(load_avatar(fox())) < cost.MAX_LAYERS / 10
    assert cost.layers_of(load_avatar(layered(10))) == pytest.approx(12, rel=0.1)


def test_pieces_and_triangles_count_twice_where_they_are_drawn_twice(monkeypatch):
    avatar = load_avatar(layered(4, nodes=3, side=0.1))
    monkeypatch.setattr(cost, "MAX_DRAWS", 5)
    with pytest.raises(InputError, match="pieces"):
        cost.check_cost(avatar)
    monkeypatch.setattr(cost, "MAX_DRAWS", 6)
    cost.check_cost(avatar)
    monkeypatch.setattr(cost, "MAX_DRAWN_TRIANGLES", 2 * 3 * 6 * 2 - 1)
    with pytest.raises(InputError, match="triangles"):
        cost.check_cost(avatar)


def test_textures_are_counted_before_they_are_unpacked(monkeypatch):
    unpacked = []
    decode = images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda data, what: unpacked.append(what) or decode(data, what))
    monkeypatch.setattr(images, "MAX_DECODED", 3 * 512 * 512)
    monkeypatch.setattr(images, "KEPT_SIDE", 64)
    assert len(load_avatar(textured(*tiny(), [plain_png(512, 512)] * 3)).images) == 3
    assert len(unpacked) == 3
    with pytest.raises(InputError, match="avatar-too-complex"):
        load_avatar(textured(*tiny(), [plain_png(512, 512)] * 4))
    assert len(unpacked) == 6
    assert images.MAX_DECODED < 24 * 8192 * 8192, "those of the issue: 578 kB that took 110 s"


def test_an_image_is_refused_by_its_header():
    for size in ((8193, 16), (16, 20_000)):
        with pytest.raises(InputError, match="avatar-image"):
            load_avatar(textured(*tiny(), [plain_png(*size)]))


@pytest.mark.slow
def test_pictures_on_trial_show_what_the_file_does_not_say(monkeypatch):
    """Layers that are specks at rest and cover everything when the mouth opens."""
    hidden = load_avatar(layered(60, side=0.02, grown=1.0))
    assert cost.layers_of(hidden) < 3
    with pytest.raises(InputError, match="avatar-too-slow"):
        avatar_trial.check_seconds(hidden, 512)
    avatar_trial.check_seconds(load_avatar(fox()), 512)
    monkeypatch.setattr(avatar_trial, "MAX_SECONDS", 0.0)
    with pytest.raises(InputError, match="avatar-too-slow"):
        avatar_trial.check_seconds(load_avatar(fox()), 64)
