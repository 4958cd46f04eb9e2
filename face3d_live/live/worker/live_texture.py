"""`LiveTexture`: what the worker makes of a stream's keyframes, and its bytes between the processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from face3d_live import strict_json
from face3d_live.eyewear import Glasses
from face3d_live.live.engine.pipeline import TEXTURE_SIZE
from face3d_live.typing import Rgb

_SHAPE = (TEXTURE_SIZE, TEXTURE_SIZE, 4)


@dataclass(frozen=True)
class LiveTexture:
    """image: (TEXTURE_SIZE, TEXTURE_SIZE, 4) uint8. glasses: that the person wears."""

    image: Rgb
    glasses: Glasses

    def to_bytes(self) -> bytes:
        """The texels, then the glasses as JSON."""
        return np.ascontiguousarray(self.image, np.uint8).tobytes() + json.dumps(asdict(self.glasses)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> LiveTexture:
        """The inverse. The array is a view of the bytes."""
        texels = int(np.prod(_SHAPE))
        image = np.frombuffer(data, np.uint8, texels).reshape(_SHAPE)
        return cls(image, Glasses(**strict_json.loads(data[texels:])))
