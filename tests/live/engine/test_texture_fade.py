"""A new texture comes in by steps, from what is shown."""

from __future__ import annotations

import numpy as np

from face3d_live.live.engine.texture_fade import FADE_SECONDS, STEPS, TextureFade

PLAIN = np.full((8, 8, 3), 100, np.uint8)


def texture(level, alpha):
    picture = np.full((4, 4, 4), level, np.uint8)
    picture[..., 3] = alpha
    return picture


def shown(fade, times):
    """(level, alpha) of each texture that comes."""
    came = [fade.at(t) for t in times]
    return [(int(picture[0, 0, 0]), int(picture[0, 0, 3])) for picture in came if picture is not None]


def test_it_comes_in_by_steps_and_then_stands():
    fade = TextureFade(PLAIN)
    assert fade.at(0.0) is None
    fade.begin(texture(220, 240))
    levels = shown(fade, np.arange(5.0, 5.0 + 2 * FADE_SECONDS, 1 / 30))
    assert levels == [(100 + 120 * step // STEPS, 240) for step in range(1, STEPS + 1)]
    assert fade.at(9.0) is None


def test_another_one_begins_where_the_first_is():
    fade = TextureFade(PLAIN)
    fade.begin(texture(220, 255))
    assert shown(fade, [0.0, FADE_SECONDS / 2]) == [(120, 255), (180, 255)]
    fade.begin(texture(0, 253))
    assert shown(fade, [2.0]) == [(150, 253)]
    assert shown(fade, [2.0, 1.0, 60.0]) == [(0, 253)], "times that go back are no steps; long after, all at once"
