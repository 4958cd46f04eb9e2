"""Sharpening: nearer to the truth than what it was given, no halos, no pores that are not there, nothing unseen."""

import cv2
import numpy as np
import pytest

from face3d_live.errors import AssetError
from face3d_live.texture import sharpen as module
from face3d_live.texture.build.sharpen import photographed, train
from face3d_live.texture.sharpen import DILATIONS, SharpenNetwork, detail_of, load_network, scale_of, sharpen

SIZE = 256
WHOLE = np.ones((SIZE, SIZE), np.float32)


def stubbly(seed=0):
    """A skin with pores, stubble and a few sharp lines: not of those that the network learned from."""
    rng = np.random.default_rng(seed)
    pores = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE)), (0, 0), 1.0)
    skin = 0.6 + 0.05 * pores / pores.std()
    for x in range(30, 230, 23):
        cv2.line(skin, (x, 60), (x + 20, 200), 0.35, 2, cv2.LINE_AA)
    return (np.clip(skin[..., None] * np.array([1.0, 0.75, 0.62]), 0, 1) * 255).astype(np.uint8)


def error(a, b):
    return float(np.mean((a.astype(float) - b)[8:-8, 8:-8] ** 2))


def fine(picture):
    """How much fine detail a picture has."""
    grey = picture[..., 1].astype(np.float32)
    return float((grey - cv2.GaussianBlur(grey, (0, 0), 2.0))[16:-16, 16:-16].std())


def test_brightness_stays():
    flat = np.full((SIZE, SIZE, 3), (180, 140, 120), np.uint8)
    assert np.abs(sharpen(flat, WHOLE, 2.0).astype(int) - flat).max() <= 1


@pytest.mark.parametrize("times", [1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0])
def test_a_blurred_skin_comes_nearer_to_the_truth_at_every_ratio(times):
    truth = stubbly()
    shown = photographed(truth, times, np.random.default_rng(1), 1.5, 92)
    assert error(sharpen(shown, WHOLE, times), truth) < 0.995 * error(shown, truth)


@pytest.mark.parametrize("times", [1.5, 1.75, 2.0, 2.5, 3.0, 4.0])
def test_lines_get_steeper(times):
    shown = photographed(stubbly(), times, np.random.default_rng(1), 1.5, 92)
    assert fine(sharpen(shown, WHOLE, times)) > 1.03 * fine(shown)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_a_photo_out_of_focus_gets_no_pores(sigma):
    soft = cv2.GaussianBlur(stubbly(), (0, 0), sigma)
    shown = photographed(soft, 2.0, np.random.default_rng(1), 2.0, 90)
    sharper = sharpen(shown, WHOLE, 2.0)
    assert error(sharper, soft) < error(shown, soft)
    assert fine(sharper) < 1.1 * fine(shown), "what is fine there is noise, and soft lines"


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


def convolved(network, grey, times):
    """The network in NumPy, over the whole picture."""
    x = np.stack([detail_of(grey), np.full_like(grey, scale_of(times))])
    for number, step in enumerate(DILATIONS):
        padded = np.pad(x, ((0, 0), (step, step), (step, step)))
        windows = np.stack(
            [padded[:, r : r + len(grey), c : c + len(grey)] for r in (0, step, 2 * step) for c in (0, step, 2 * step)],
            1,
        )
        weight = network.weights[number].reshape(len(network.weights[number]), -1, 9)
        x = np.einsum("oik,ikhw->ohw", weight, windows) + network.biases[number][:, None, None]
        x = np.maximum(x, 0) if number < len(DILATIONS) - 1 else x
    return x[0] * module.GAIN_OUT


def test_tiles_are_what_the_whole_is(monkeypatch):
    grey = cv2.cvtColor(stubbly(), cv2.COLOR_RGB2GRAY)[:160, :160] / np.float32(255)
    monkeypatch.setattr(module, "TILE", 64)
    network = SharpenNetwork.load(module.NETWORK)
    found, expected = network.missing(grey, np.ones_like(grey, bool), 2.2), convolved(network, grey, 2.2)
    inner = slice(module.MARGIN, -module.MARGIN)  # beyond the picture's border the tiles see grey skin, not nothing
    assert np.abs(expected).max() > 0.02
    # Some processors compute it in bfloat16.
    np.testing.assert_allclose(found[inner, inner], expected[inner, inner], atol=1.5e-3)
    half = network.missing(grey, np.arange(160)[None] * np.ones((160, 1)) < 60, 2.2)
    np.testing.assert_array_equal(half[:, :64], found[:, :64])
    assert (half[:, 64:] == 0).all()


@pytest.mark.slow
def test_a_network_that_learns_brings_another_skin_nearer_to_its_truth(monkeypatch, tmp_path):
    skins = [(stubbly(seed), np.ones((SIZE, SIZE), bool)) for seed in (5, 6)]
    np.savez(tmp_path / "learned.npz", **train(skins, 80, channels=8, batch=4).arrays())
    learned = SharpenNetwork.load(tmp_path / "learned.npz")
    monkeypatch.setattr(module, "load_network", lambda: learned)
    truth = stubbly(7)
    shown = photographed(truth, 2.0, np.random.default_rng(3), 1.5, 92)
    assert error(sharpen(shown, WHOLE, 2.0), truth) < 0.99 * error(shown, truth)


def test_a_missing_network_is_an_asset_error(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "NETWORK", tmp_path / "none.npz")
    load_network.cache_clear()
    with pytest.raises(AssetError, match="sharpen-missing"):
        sharpen(stubbly(), WHOLE, 2.0)
    load_network.cache_clear()
