"""Trains the network of `sharpen`: `python -m face3d_live.texture.build.sharpen --data ../shared/data`.

Of every second body skin of the data folder (the others are left for `bench/sharpen.py`) both the body's own picture
and the face baked onto the atlas are photographed at random (`photographed`): with fewer pixels, noise and JPEG as
photos have them, turned, mirrored, darkened. A fifth of the skins is blurred before, so that the network learns to
leave blurred what a photo shows blurred. The loss is the logarithm of the mean square of what is still missing, so that
ratios and skins of all kinds count alike. About an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn

from face3d_live.head.model import Head
from face3d_live.texture.build.skins import SkinBaker, body_skins
from face3d_live.texture.regions import face_only
from face3d_live.texture.sharpen import DILATIONS, GAIN_OUT, NETWORK, RATIOS, detail_of, scale_of
from face3d_live.texture.texels import texels_of
from face3d_live.typing import AnyArray, Array, Mask, Picture

SIZE = 512
CHANNELS = 24
_STEPS, _BATCH, _RATE = 5000, 24, 2e-3
_PATCH, _AROUND = 72, 18  # texels that are compared, and of the skin around them that is photographed with them
_BORDER = 8  # texels of a patch's border that do not count: the network sees too little there
_NOISES, _JPEGS, _LIGHTS = (0.5, 3.0), (85, 97), (0.5, 1.15)
_BLURRED, _BLURS = 0.2, (0.7, 3.0)  # share of the skins that are blurred, and by how much
_VARIED, _WITHIN = 4.0, 33  # variance of brightness within so many texels of a body's picture from which it shows skin
_INSIDE = 0.8  # share of a patch that has to be skin
_LEAST = 1e-6  # mean square below which nothing more is to be gained


def photographed(skin: Picture, times: float, rng: np.random.Generator, noise: float, jpeg: int) -> Picture:
    """A skin (S, S, 3) as a photo with `times` fewer pixels a side shows it, enlarged again bicubically.

    noise: of 255, jpeg: quality.
    """
    size = skin.shape[0]
    side = round(size / times)
    small = cv2.resize(skin, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    noisy = np.clip(small + rng.normal(0, noise, small.shape), 0, 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1]
    opened = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(opened, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


class Sharpener(nn.Module):
    """The network of `sharpen.SharpenNetwork`, to be trained; it starts as one that adds nothing."""

    def __init__(self, channels: int = CHANNELS) -> None:
        super().__init__()
        sizes = [2, *[channels] * (len(DILATIONS) - 1), 1]
        self.layers = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=step, dilation=step)
            for i, o, step in zip(sizes[:-1], sizes[1:], DILATIONS, strict=True)
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x: Tensor) -> Tensor:  # (B, 2, H, W) -> (B, 1, H, W)
        """What brightness 0..1 lacks."""
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return torch.as_tensor(self.layers[-1](x) * GAIN_OUT)

    def arrays(self) -> dict[str, AnyArray]:
        """What `SharpenNetwork.load` reads."""
        out = {}
        for number, layer in enumerate(self.layers):
            for name in ("weight", "bias"):
                out[f"{name}{number}"] = getattr(layer, name).detach().numpy().astype(np.float16)
        return out


class Photographs:
    """Random pairs of skins and their photos. skins: pictures (H, W, 3), each with where (H, W) it shows skin."""

    def __init__(self, skins: Sequence[tuple[Picture, Mask]], seed: int = 0) -> None:
        self._skins, self._rng = skins, np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor]:  # (B, 2, P, P), (B, 1, P, P) x 2
        """The network's input, the brightness of the photo and of the skin."""
        inputs, shown, truth = zip(*(self._pair() for _ in range(count)), strict=True)
        return (
            torch.from_numpy(np.stack(inputs)),
            torch.from_numpy(np.stack(shown))[:, None],
            torch.from_numpy(np.stack(truth))[:, None],
        )

    def _pair(self) -> tuple[Array, Array, Array]:
        rng, skin = self._rng, self._skin()
        times = float(np.exp(rng.uniform(*np.log(RATIOS))))
        photo = photographed(skin, times, rng, float(rng.uniform(*_NOISES)), int(rng.integers(*_JPEGS)))
        inner = slice(_AROUND, _AROUND + _PATCH)
        grey, true = (
            cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) / np.float32(255)
            for each in (photo.astype(np.float32), skin.astype(np.float32))
        )
        given = np.stack([detail_of(grey), np.full_like(grey, scale_of(times))])
        return given[:, inner, inner], grey[inner, inner], true[inner, inner]

    def _skin(self) -> Picture:
        """A square of a skin, larger than a patch."""
        rng, side = self._rng, _PATCH + 2 * _AROUND
        while True:
            picture, where = self._skins[int(rng.integers(len(self._skins)))]
            row, column = (int(rng.integers(0, length - side + 1)) for length in where.shape)
            at = slice(row, row + side), slice(column, column + side)
            if where[at].mean() >= _INSIDE:
                break
        skin = np.rot90(picture[at], int(rng.integers(4)))[:, :: rng.choice([-1, 1])]
        skin = np.clip(skin * rng.uniform(*_LIGHTS), 0, 255).astype(np.uint8)
        return np.asarray(cv2.GaussianBlur(skin, (0, 0), rng.uniform(*_BLURS)) if rng.random() < _BLURRED else skin)


def train(
    skins: Sequence[tuple[Picture, Mask]], steps: int, channels: int = CHANNELS, batch: int = _BATCH, seed: int = 0
) -> Sharpener:
    """A network that learned from these pictures."""
    torch.manual_seed(seed)
    network, photographs = Sharpener(channels), Photographs(skins, seed)
    optimizer = torch.optim.Adam(network.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    inner = slice(_BORDER, -_BORDER)
    for _ in track(range(steps), "training"):
        given, shown, truth = photographs.batch(batch)
        rest = (shown + network(given) - truth)[:, :, inner, inner]
        loss = torch.log((rest**2).mean((1, 2, 3)) + _LEAST).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def skins_of(bodies: Sequence[Picture], baker: SkinBaker, face: Mask) -> list[tuple[Picture, Mask]]:
    """Of each body its face on the atlas (SIZE, SIZE, 3) and its own picture, where they show skin."""
    found = []
    for body in bodies:
        grey = cv2.cvtColor(body, cv2.COLOR_RGB2GRAY).astype(np.float32)
        varies = cv2.blur(grey**2, (_WITHIN, _WITHIN)) - cv2.blur(grey, (_WITHIN, _WITHIN)) ** 2
        found += [(baker.bake(body), face), (body, np.asarray(varies > _VARIED))]
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", type=int, default=_STEPS)
    parser.add_argument("--out", type=Path, default=NETWORK)
    options = parser.parse_args()
    head = Head.load()
    face = texels_of(head, SIZE).image(face_only(head, SIZE), pad=False) > 0.9
    baker = SkinBaker(head, SIZE, Path(".cache") / "body_uv.npz")
    bodies = [body for name, body in body_skins(options.data) if not name.endswith("_512")][0::2]
    network = train(skins_of(bodies, baker, face), options.steps)
    np.savez_compressed(options.out, allow_pickle=False, **network.arrays())
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB from {len(bodies)} skins")


if __name__ == "__main__":
    main()
