"""Sharpening: nearer to the truth than what it was given, no halos, nothing where no photo was."""

import cv2
import numpy as np
import pytest

from face3d_live.errors import AssetError
from face3d_live.texture import sharpen as module
from face3d_live.texture.build import sharpen as build_sharpen
from face3d_live.texture.build.sharpen import learn, photographed
from face3d_live.texture.sharpen import N_CLASSES, RATIOS, SIDE, classes, filters_for, load_filters, sharpen

SIZE = 256
WHOLE = np.ones((SIZE, SIZE), np.float32)


def stubbly(seed=0):
    """A skin with pores, stubble and a few sharp lines: not of those that the filters were learned from."""
    rng = np.random.default_rng(seed)
    pores = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE)), (0, 0), 1.0)
    skin = 0.6 + 0.05 * pores / pores.std()
    for x in range(30, 230, 23):
        cv2.line(skin, (x, 60), (x + 20, 200), 0.35, 2, cv2.LINE_AA)
    return (np.clip(skin[..., None] * np.array([1.0, 0.75, 0.62]), 0, 1) * 255).astype(np.uint8)


def error(a, b):
    return float(np.mean((a.astype(float) - b)[8:-8, 8:-8] ** 2))


def test_there_is_a_filter_for_every_class_and_none_changes_brightness():
    filters = load_filters()
    assert filters.shape == (len(RATIOS), N_CLASSES, SIDE, SIDE)
    np.testing.assert_allclose(filters.sum((2, 3)), 0, atol=0.01)
    flat = np.full((SIZE, SIZE, 3), (180, 140, 120), np.uint8)
    assert np.abs(sharpen(flat, WHOLE, 2.0).astype(int) - flat).max() <= 1


@pytest.mark.parametrize("times", [1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0])
def test_a_blurred_skin_comes_nearer_to_the_truth_at_every_ratio(times):
    truth = stubbly()
    shown = photographed(truth, times, np.random.default_rng(1), 1.5, 92)
    sharper = sharpen(shown, WHOLE, times)
    assert error(sharper, truth) < 0.995 * error(shown, truth)
    slope = [np.abs(np.diff(p[..., 1].astype(float), axis=1)).mean() for p in (shown, sharper)]
    assert slope[1] > 1.03 * slope[0]


def test_between_two_ratios_filters_are_blended_and_beyond_the_last_they_stay():
    filters = load_filters()
    for at, times in enumerate(RATIOS):
        np.testing.assert_allclose(filters_for(filters, times), filters[at], atol=1e-6)
    between = filters_for(filters, np.sqrt(RATIOS[1] * RATIOS[2]))
    np.testing.assert_allclose(between, (filters[1] + filters[2]) / 2, atol=1e-6)
    np.testing.assert_array_equal(filters_for(filters, 9.0), filters[-1])
    assert np.abs(filters_for(filters, 1.15)).max() == 0 < np.abs(filters_for(filters, 1.3)).max()


def test_edges_get_no_halos():
    step = np.full((SIZE, SIZE, 3), 90, np.uint8)
    step[:, SIZE // 2 :] = 170
    shown = photographed(step, 2.0, np.random.default_rng(0), 0.5, 97)
    sharper = sharpen(shown, WHOLE, 2.0).astype(int)
    assert sharper.min() > shown.min() - 9 and sharper.max() < shown.max() + 9


def test_only_what_a_photo_showed_is_touched_and_alpha_stays():
    texture = np.dstack([photographed(stubbly(), 2.0, np.random.default_rng(2), 1, 95), np.full((SIZE, SIZE), 254)])
    texture = texture.astype(np.uint8)
    known = WHOLE.copy()
    known[:, :100] = 0
    out = sharpen(texture, known, 2.0)
    assert np.array_equal(out[:, :100], texture[:, :100]) and (out[..., 3] == 254).all()
    assert not np.array_equal(out[:, 120:], texture[:, 120:])
    assert sharpen(texture, known, 0.8) is texture


def test_classes_tell_directions_apart():
    ramp = np.tile(np.linspace(0, 1, SIZE, dtype=np.float32), (SIZE, 1))
    across, along = classes(ramp, 2.0)[20:-20, 20:-20], classes(ramp.T.copy(), 2.0)[20:-20, 20:-20]
    assert len(np.unique(across)) == len(np.unique(along)) == 1
    assert across[0, 0] != along[0, 0]
    assert classes(np.full((32, 32), 0.5, np.float32), 2.0).max() < N_CLASSES


@pytest.mark.slow
def test_learned_filters_bring_another_skin_nearer_to_its_truth(monkeypatch):
    filters, extra = learn([stubbly(seed) for seed in (5, 6)], np.ones((SIZE, SIZE), bool))
    assert extra.shape == filters.shape == load_filters().shape and np.isfinite(filters).all()
    monkeypatch.setattr(module, "load_filters", lambda: filters)
    truth = stubbly(7)
    shown = photographed(truth, 2.0, np.random.default_rng(3), 1.5, 92)
    assert error(sharpen(shown, WHOLE, 2.0), truth) < 0.95 * error(shown, truth)


@pytest.mark.slow
def test_the_aim_is_the_farthest_that_costs_no_skin_its_nearness(monkeypatch):
    skins = [stubbly(seed) for seed in (5, 6)]
    monkeypatch.setattr(build_sharpen, "RATIOS", (2.0,))
    where = np.ones((SIZE, SIZE), bool)
    modest = build_sharpen.aims(skins, where)
    monkeypatch.setattr(build_sharpen, "LEAST_GAIN", -99.0)
    assert build_sharpen.aims(skins, where) == [0.4]
    monkeypatch.setattr(build_sharpen, "LEAST_GAIN", 99.0)
    assert build_sharpen.aims(skins, where) == [0.0]
    assert 0.0 <= modest[0] <= 0.4


def test_missing_filters_are_an_asset_error(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "FILTERS", tmp_path / "none.npz")
    load_filters.cache_clear()
    with pytest.raises(AssetError, match="sharpen-missing"):
        sharpen(stubbly(), WHOLE, 2.0)
    load_filters.cache_clear()
