"""Train models/hair_style.npz: `python -m face3d_live.train.hair_style DATA [--out FILE]`. Needs the extra `train`.

DATA: the folder of portraits. What hair they show was said by eye, in `hair_labels.txt`: a name and a style a line.
Those of people that are held out are not trained on; what the classifier takes them for is printed as a table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.errors import InputError
from face3d_live.paths import MODELS
from face3d_live.texture.hair.style import FEATURES, HairStyleClassifier, grid_of, surroundings
from face3d_live.train.data.portraits import load_index
from face3d_live.typing import Array, Mask, Picture

LABELS = Path(__file__).with_name("hair_labels.txt")
#: Styles that are not taught: there are too few of them, or something else is worn.
LEFT_OUT = ("covered",)
_DECAY, _STEPS = 0.1, 200
#: What it costs to take a style for a near one, and to take hair for a bare scalp, where taking it for any other costs
#: 1. With it and `_DECAY`, 90 % of the portraits that are trained on are right or near when they are left out (88 % by
#: the most probable style), 24 of 1,392 are wrongly bare (42 if that cost no more), and 80 of 147 wrongly are not (57).
_NEAR_COST, _BARE_COST = 0.5, 0.65
_BARE = ("bald", "receding")
#: What is near enough to be taken for another: a bystander would say that the hair is right, or nearly.
NEAR = (
    ("bald", "buzz", "receding"), ("receding", "swept_back", "short"), ("buzz", "short", "curls"),
    ("short", "swept_back", "side_parting", "fringe"), ("swept_back", "ponytail"), ("curls", "bob", "medium"),
    ("fringe", "bob"), ("bob", "medium"), ("medium", "long", "braid"), ("ponytail", "braid"),
)  # fmt: skip


def labels() -> dict[str, tuple[str, ...]]:
    """Name of the portrait -> its style, or two that it may have."""
    lines = (line.split() for line in LABELS.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {name: tuple(style.split("/")) for name, style in lines if style not in LEFT_OUT}


#: A portrait on the plane, and its styles.
Labelled = tuple[Picture, tuple[str, ...]]


def portraits(data: Path) -> tuple[list[Labelled], list[Labelled]]:
    """Those to train on, and those held out, which have one style each; without faces that are not found."""
    from face3d_live.reconstruct import Reconstructor, read_photo

    said, maker = labels(), Reconstructor("cpu")
    sets: tuple[list[Labelled], list[Labelled]] = ([], [])
    for one in load_index(data):
        if one.image.name not in said:
            continue
        rgb = read_photo(one.image)
        try:
            found = maker.find(rgb, "largest")
        except InputError:
            continue
        plane = surroundings(rgb, found.codes, found.camera, maker.head)
        sets[one.held_out].append((plane, said[one.image.name]))
    return sets


def near_styles(styles: Sequence[str]) -> Mask:  # (K, K)
    """Which of the styles are the same, or `NEAR`."""
    return np.array([[a == b or any({a, b} <= set(kin) for kin in NEAR) for b in styles] for a in styles])


def fitted(known: Sequence[Labelled]) -> dict[str, Any]:
    """Multinomial logistic regression on the portraits and their mirror images: what the file holds."""
    import torch

    styles = sorted({style for _, said in known for style in said})
    rows = np.array([grid_of(side) for plane, _ in known for side in (plane, plane[:, ::-1])])
    share = np.array([[said.count(style) / len(said) for style in styles] for _, said in known for _ in range(2)])
    truth = torch.tensor(share, dtype=torch.float32)
    mean, spread = rows.mean(0), rows.std(0) + 0.05
    at = torch.tensor((rows - mean) / spread, dtype=torch.float32)
    weight = torch.zeros(FEATURES, len(styles), requires_grad=True)
    bias = torch.zeros(len(styles), requires_grad=True)
    counts = truth * (1 / torch.sqrt(truth.sum(0) + 1.0))  # rare styles count more
    counts = counts / counts.sum()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def step() -> Any:
        optimiser.zero_grad()
        loss = _DECAY * (weight**2).sum() - (counts * torch.log_softmax(at @ weight + bias, 1)).sum()
        loss.backward()
        return loss

    optimiser.step(step)
    bare = np.isin(styles, _BARE)
    near = np.where(~bare[:, None] & bare, _BARE_COST, _NEAR_COST)
    cost = np.where(near_styles(styles), near, 1.0) * (1 - np.eye(len(styles)))
    return {
        "weight": weight.detach().numpy().astype(np.float16),
        "bias": bias.detach().numpy(),
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
        "cost": cost.astype(np.float32),
        "styles": np.array(styles),
    }


def confusion(model: HairStyleClassifier, held_out: Sequence[Labelled]) -> tuple[Array, float, float]:
    """counts[true, taken for], and the shares that are right, and right or near."""
    counts = np.zeros((len(model.styles), len(model.styles)), np.float32)
    for plane, (style, *_) in held_out:
        counts[model.styles.index(style), model.styles.index(model.style(grid_of(plane)))] += 1
    near = counts[near_styles(model.styles)].sum()
    return counts, float(np.trace(counts) / counts.sum()), float(near / counts.sum())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=MODELS / "hair_style.npz")
    options = parser.parse_args()
    known, held_out = portraits(options.data)
    np.savez_compressed(options.out, **fitted(known))
    model = HairStyleClassifier.load(options.out)
    counts, right, near = confusion(model, held_out)
    print(f"{len(known)} portraits, {len(held_out)} held out: right {100 * right:.0f} %, or near {100 * near:.0f} %")
    print("| is, taken for | " + " | ".join(model.styles) + " |")
    print("|---" * (len(model.styles) + 1) + "|")
    for style, row in zip(model.styles, counts, strict=True):
        print(f"| {style} | " + " | ".join(f"{count:.0f}" if count else "" for count in row) + " |")


if __name__ == "__main__":
    main()
