"""The 257 coefficients, and the names and shapes of the network that gives them.

A ResNet50 (v1.5, torchvision's names under `backbone.`) on 224 x 224 pixels of 0..1, global average, then seven 1x1
convolutions (`final_layers.0` to `.6`), whose outputs lie end to end in the order of `HEADS`. Source: Deng et al.,
"Accurate 3D Face Reconstruction with Weakly-Supervised Learning", CVPR workshops 2019, and the public description of
its PyTorch version, from which ModelScope's cv_resnet50_face-reconstruction takes this network unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Side of the network's picture, pixels.
SIZE = 224

#: Widths of the seven outputs: identity, expression, albedo, angles, light, translation in x and y, and in z.
HEADS: Mapping[str, int] = {
    "identity": 80,
    "expression": 64,
    "albedo": 80,
    "angles": 3,
    "light": 27,
    "translation": 2,
    "depth": 1,
}
N_IDENTITY, N_BFM_EXPRESSION, N_ALBEDO = HEADS["identity"], HEADS["expression"], HEADS["albedo"]

#: All of them.
N_COEFFICIENTS = sum(HEADS.values())

IDENTITY = slice(0, 80)
EXPRESSION = slice(80, 144)
ALBEDO = slice(144, 224)
ANGLES = slice(224, 227)
LIGHT = slice(227, 254)
TRANSLATION = slice(254, 257)

#: Depths of ResNet50's stages, and the width of its stem.
BLOCKS = (3, 4, 6, 3)
WIDTH = 64
FEATURES = 2048


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Every parameter and buffer of the network by its name in the checkpoint, without the norms' counters."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv_norm(conv: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        shapes[f"backbone.{conv}.weight"] = (outputs, inputs, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"backbone.{norm}.{part}"] = (outputs,)

    conv_norm("conv1", "bn1", WIDTH, 3, 7)
    inputs = WIDTH
    for stage, depth in enumerate(BLOCKS, 1):
        planes = WIDTH << (stage - 1)
        for i in range(depth):
            name = f"layer{stage}.{i}"
            conv_norm(f"{name}.conv1", f"{name}.bn1", planes, inputs, 1)
            conv_norm(f"{name}.conv2", f"{name}.bn2", planes, planes, 3)
            conv_norm(f"{name}.conv3", f"{name}.bn3", 4 * planes, planes, 1)
            if i == 0:
                conv_norm(f"{name}.downsample.0", f"{name}.downsample.1", 4 * planes, inputs, 1)
            inputs = 4 * planes
    for i, width in enumerate(HEADS.values()):
        shapes[f"final_layers.{i}.weight"] = (width, FEATURES, 1, 1)
        shapes[f"final_layers.{i}.bias"] = (width,)
    return shapes
