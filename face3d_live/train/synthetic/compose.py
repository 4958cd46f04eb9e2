"""From a drawn head to a picture: the background behind it, hands and things in front of it."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.train.data.pool import STORED
from face3d_live.train.synthetic.people import Person
from face3d_live.typing import AnyArray, Mask, Picture


def compose(
    rng: np.random.Generator, rgba: Picture, background: Picture, points: AnyArray, person: Person
) -> tuple[Picture, Mask]:
    """rgba (D, D, 4) premultiplied, background (S, S, 3), points (478, 2) crop -> picture (S, S, 3), covered (478,)."""
    size = background.shape[0]
    small = cv2.resize(rgba, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    picture = small[..., :3] + background * (1 - small[..., 3:] / 255)
    covered = np.zeros(len(points), bool)
    chance = rng.random()
    if chance < 0.13:
        skin = np.array(person.subject.look.skin_colour) if rng.random() < 0.8 else rng.uniform(0.05, 0.5, 3)
        light = person.subject.light.label.reshape(9, 3)[0] * 0.282
        mask, colour = _hand(rng, size, skin * light) if chance < 0.06 else _thing(rng, size)
        picture = picture * (1 - mask[..., None]) + colour * mask[..., None]
        pixel = np.clip((points / STORED + 1) / 2 * size, 0, size - 1).astype(int)
        covered = mask[pixel[:, 1], pixel[:, 0]] > 0.5
    return np.clip(picture, 0, 255).astype(np.uint8), covered


def _hand(rng: np.random.Generator, size: int, colour: AnyArray) -> tuple[AnyArray, AnyArray]:
    """A palm and some fingers that come in from below or the side."""
    mask, shade = np.zeros((size, size), np.float32), np.ones((size, size), np.float32)
    angle = rng.uniform(np.pi * 0.1, np.pi * 0.9)  # the direction in which the fingers point, upwards in the picture
    ahead, side = np.array([np.cos(angle), -np.sin(angle)]), np.array([np.sin(angle), np.cos(angle)])
    palm = size * np.array([rng.uniform(0.05, 0.95), rng.uniform(0.6, 1.05)])
    width = size * rng.uniform(0.045, 0.07)
    spread = rng.uniform(0.9, 1.4)
    rolled = rng.uniform(0.4, 1.0)
    limbs = [(palm - ahead * width * 8, palm + ahead * width, width * 2.3)]
    for finger in range(4):
        root = palm + side * (finger - 1.5) * width * spread
        tip = root + (ahead + side * (finger - 1.5) * 0.08) * width * rng.uniform(4.0, 5.2) * rolled
        limbs.append((root, tip, width * 0.55))
    for start, end, thick in limbs:
        finger_mask = np.zeros((size, size), np.uint8)
        ends = [tuple(int(v * 16) for v in p) for p in (start, end)]
        cv2.line(finger_mask, ends[0], ends[1], 255, max(2, int(thick * 2)), cv2.LINE_AA, shift=4)
        distance = cv2.distanceTransform((finger_mask > 127).astype(np.uint8), cv2.DIST_L2, 3) / max(thick, 1)
        here = finger_mask > 0
        shade = np.where(here, 0.62 + 0.38 * np.sqrt(np.clip(distance, 0, 1)), shade)
        mask = np.maximum(mask, finger_mask / 255.0)
    linear = np.clip(colour[None, None] * shade[..., None] ** 1.5, 0, 1)
    return mask, linear ** (1 / 2.2) * 255


def _thing(rng: np.random.Generator, size: int) -> tuple[AnyArray, AnyArray]:
    """A microphone, a cup, a telephone: a dark or plain rounded body, shaded across, perhaps on a stick."""
    mask = np.zeros((size, size), np.uint8)
    center = (int(size * rng.uniform(0.1, 0.9)), int(size * rng.uniform(0.55, 1.0)))
    axes = (int(size * rng.uniform(0.05, 0.14)), int(size * rng.uniform(0.06, 0.2)))
    tilt = float(rng.uniform(-40, 40))
    if rng.random() < 0.5:
        cv2.ellipse(mask, center, axes, tilt, 0, 360, 255, -1, cv2.LINE_AA)
        end = (int(center[0] + size * rng.uniform(-0.3, 0.3)), size)
        cv2.line(mask, center, end, 255, max(2, axes[0] // 2), cv2.LINE_AA)
    else:
        box = cv2.boxPoints(((float(center[0]), float(center[1])), (axes[0] * 2.0, axes[1] * 2.0), tilt))
        cv2.fillConvexPoly(mask, box.astype(np.int32), 255, cv2.LINE_AA)
    colour = rng.uniform(5, 90) if rng.random() < 0.6 else rng.uniform(0, 230)
    ramp = np.linspace(rng.uniform(0.6, 1), rng.uniform(0.6, 1.2), size)[None, :, None]
    grain = rng.normal(0, rng.uniform(0, 9), (size, size, 1))
    return mask / 255.0, (colour + rng.normal(0, 18, 3)) * ramp + grain
