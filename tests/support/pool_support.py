"""Pools of random arrays, for what does not need a face, and small folders of what training reads."""

from pathlib import Path

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.train.data.pool import KEYS, PORTRAIT, Pool, Sample, ShardWriter
from face3d_live.train.data.portraits import held_out_skins


def random_sample(rng: np.random.Generator) -> Sample:
    """A sample with random labels, of a camera that could be."""
    sample = {key: np.asarray(rng.uniform(0, 0.5, shape), kind) for key, (shape, kind) in KEYS.items()}
    sample["image"] = rng.integers(0, 255, KEYS["image"][0], np.uint8)
    return sample | {"focal": np.float32(5), "rotation": np.eye(3, dtype=np.float32), "source": np.uint8(0)}


def random_pool(folder: Path, count: int, seed: int = 0, per_shard: int = 16) -> Pool:
    """So many random samples in shards."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, per_shard):
        writer = ShardWriter(folder, f"random_{start:04d}", {})
        for _ in range(min(per_shard, count - start)):
            writer.add(random_sample(rng))
        writer.close()
    return Pool(folder)


def smooth_picture(rng: np.random.Generator, side: int) -> np.ndarray:
    coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def portrait(head: Head, rng: np.random.Generator, turned: bool = False) -> Sample:
    """A sample of a portrait that `Turner` can turn: the head's own points from the front."""
    sample = random_sample(rng)
    weight = np.float32(0 if turned else 1)
    half = 0.12
    points = head.points(head.template)
    camera = points + np.array([0, 0, -5 * half])
    return sample | {
        "image": smooth_picture(rng, 144),
        "points": (5 * camera[:, :2] * (1, -1) / -camera[:, 2:] + rng.normal(0, 0.01, (478, 2))).astype(np.float32),
        "shape": np.zeros(80, np.float32),
        "expression": np.zeros(52, np.float32),
        "scale": np.float32(0),
        "position": np.zeros(2, np.float32),
        "teacher_weight": np.full(52, weight),
        "source": np.uint8(PORTRAIT),
    }


def write_pool(folder: Path, samples: list[Sample]) -> Pool:
    writer = ShardWriter(folder, "portraits", {})
    for sample in samples:
        writer.add(sample)
    writer.close()
    return Pool(folder)


def data_folder(folder: Path) -> Path:
    """A data folder of twelve people with portraits whose strips are bright and whose faces are dark."""
    images = folder / "faces" / "images"
    images.mkdir(parents=True)
    names = [f"london_{i:03d}.jpg" for i in range(12)]
    for name in names:
        picture = np.full((256, 256, 3), 20, np.uint8)
        picture[:, :50], picture[:, 205:] = 220, 220
        cv2.imwrite(str(images / name), picture)
    rows = [f"{name},london,0,0,30,{name[:-4]}" for name in names]
    (folder / "faces" / "index.csv").write_text("\n".join(["image,set,yaw,pitch,ita_deg,person", *rows]))
    rng = np.random.default_rng(0)
    blendshapes = rng.uniform(0, 1, (12, 3)).astype(np.float32)
    shapes = np.array(["_neutral", "jawOpen", "eyeBlinkLeft"])
    points = rng.uniform(0, 256, (12, 478, 3)).astype(np.float32)
    np.savez(
        folder / "faces" / "teacher.npz",
        image=np.array(names),
        blendshapes=blendshapes,
        blendshape_names=shapes,
        landmarks=points,
    )
    return folder


def training_folder(folder: Path, head: Head, data: Path, portraits: int = 300) -> Path:
    """Skins of two kinds and from dark to light, one of them of a held-out person, and both pools."""
    rng = np.random.default_rng(1)
    (folder / "skins").mkdir(parents=True)
    held_out = sorted(held_out_skins(data))[0]
    for i, name in enumerate(["plain", held_out, *(f"lifted_{i}" for i in range(5))]):
        cv2.imwrite(str(folder / "skins" / f"{name}.png"), np.full((64, 64, 3), 40 * i + 10, np.uint8))
    write_pool(folder / "pool" / "portraits_train", [portrait(head, rng) for _ in range(portraits)])
    write_pool(folder / "pool" / "portraits_heldout", [portrait(head, rng) for _ in range(3)])
    return folder
