"""The second thread of a reconstruction, and what it leaves alone."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from face3d_live.codes import HeadCodes
from face3d_live.errors import AssetError
from face3d_live.export.textured_head import TexturedHead
from face3d_live.reconstruct.background import Background
from face3d_live.render import renderer
from face3d_live.texture.texels import texels_of


class Drawn:
    """A renderer that knows where it was made."""

    def __init__(self, head, width, height, level, samples):
        self.made_on = threading.get_ident()


def test_everything_is_drawn_on_one_other_thread(head, albedo, monkeypatch):
    monkeypatch.setattr(renderer, "Renderer", Drawn)
    background = Background(head, albedo)
    background.load_renderer()
    threads = [background.draw(lambda made: (vars(made)["made_on"], threading.get_ident())).result() for _ in range(2)]
    assert len({thread for both in threads for thread in both}) == 1 and threading.get_ident() not in threads[0]


def test_a_missing_renderer_is_told_to_whoever_waits_for_a_picture(head, albedo, monkeypatch):
    def missing(*arguments, **named):
        raise AssetError("egl-missing", "there is no OpenGL here: install it")

    monkeypatch.setattr(renderer, "Renderer", missing)
    background = Background(head, albedo)
    background.load_renderer()
    background.load_tables(64).result()
    with pytest.raises(AssetError, match="no OpenGL"):
        background.draw(lambda made: made).result()


def test_tables_and_movements_are_those_of_the_first_thread(head, albedo):
    background, shape = Background(head, albedo), np.random.default_rng(3).normal(size=80).astype(np.float32)
    background.load_tables(64).result()
    assert texels_of(head, 64).size == 64
    moved = background.measure_movements(shape, "low").result()
    alone = TexturedHead(head, HeadCodes(shape=shape), "low", np.zeros((4, 4, 3), np.uint8))
    given = TexturedHead(head, HeadCodes(shape=shape), "low", np.zeros((4, 4, 3), np.uint8), moved=moved)
    assert given.movements is moved
    assert all(
        np.array_equal(a, b)
        for one in zip(moved.targets, alone.movements.targets, strict=True)
        for a, b in zip(*one, strict=True)
    )


@pytest.mark.slow
def test_slow_libraries_are_not_imported():
    """They take a third of a second, for splines and neighbours that are a few lines."""
    code = (
        "import sys, face3d_live.reconstruct, face3d_live.render.renderer\n"
        "slow = {'scipy.' + name for name in ('interpolate', 'spatial', 'ndimage', 'optimize', 'linalg', 'stats')}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
