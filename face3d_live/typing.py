"""Types that every module shares. Shapes stand in a comment beside the parameter: `points: Array,  # (N, 3)`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Array64 = NDArray[np.float64]
#: Numbers of any kind: what a function takes that converts, or whose kind follows its input's.
AnyArray = NDArray[Any]
Mask = NDArray[np.bool_]
#: (H, W, 3), sRGB, row 0 on top.
Rgb = NDArray[np.uint8]
#: (H, W, 4), straight alpha unless said otherwise.
Rgba = NDArray[np.uint8]
#: (H, W) or (H, W, C): a picture whose channels its comment says.
Picture = NDArray[np.uint8]

#: What the network runs on. gpu: Intel graphics through OpenVINO; auto: CUDA where there is one, else the CPU.
Device = Literal["auto", "cpu", "gpu", "cuda"]
#: What the network computes in.
Precision = Literal["auto", "fp32", "bf16", "int8"]
