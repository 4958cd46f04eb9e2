"""The training loop: seeded, resumable to the step, on any device, with averaged weights and growing pictures."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from face3d_live.head.model import Head
from face3d_live.regress.network import Architecture, Network
from face3d_live.regress.prediction import HEADS, N_POINTS
from face3d_live.train import checkpoint
from face3d_live.train.augment import Augmenter
from face3d_live.train.data.pool import Mixture
from face3d_live.train.losses import Losses, total
from face3d_live.train.muon import Muon
from face3d_live.typing import AnyArray

if torch.version.cuda is not None:
    # Optimisers import it at their first use. Its compiler, in torch's builds for CUDA, crashes when it is loaded into
    # a process in which Mesa's software OpenGL has drawn already: load it first.
    import torch._dynamo

#: One sample of so many is turned into something that is no face.
NEGATIVE_EVERY = 32

#: Layers that read hundreds of positive features at once: Adam's steps of one size for every weight add up there, and
#: at the rate that suits a convolution they would shake the points by more than an eyelid.
LAST_LAYERS = ("heads.", "teacher.")
LAST_OF_WINDOWS = (".hidden.weight", ".out.weight", ".out.bias", ".own", ".summary")
LAST_SHARE = 0.1


@dataclass(frozen=True)
class Recipe:
    """What decides a run, besides its data. `samples` may be changed on resuming: only the schedule moves.

    seconds: of training, checkpoints left out; where it is given, the run lasts so long and `samples` decides nothing.
    sizes: (until this fraction of the samples, side of the picture) in order. average: decay per step of the weights
    that are kept. norms_until: after this fraction the batch norms keep their statistics, which makes a step a third
    faster on a CPU.
    """

    architecture: Architecture
    samples: int
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.03
    warm_up: int = 200
    average: float = 0.998
    sizes: tuple[tuple[float, int], ...] = ((0.7, 64), (1.0, 112))
    norms_until: float = 0.85
    seed: int = 0
    seconds: float | None = None

    def size_at(self, fraction: float) -> int:
        """Side of the picture at this fraction of the run."""
        return next(size for until, size in self.sizes if fraction < until or until >= 1)

    def rate_at(self, step: int, fraction: float) -> float:
        """Linear warm-up, then half a cosine down to 1 %."""
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(fraction, 1.0))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * (0.01 + 0.99 * cosine)


class Trainer:
    """A network in training. `network` learns; `average` is what is evaluated and shipped."""

    def __init__(
        self,
        recipe: Recipe,
        mixture: Mixture,
        head: Head,
        mirror: AnyArray | None,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.mixture, self.device = recipe, mixture, torch.device(device)
        self.losses = Losses.of(head, self.device, expression_spread(mixture))
        self.augment = Augmenter(recipe.seed, mirror)
        self.generator = torch.Generator().manual_seed(recipe.seed + 1)
        network = Network(recipe.architecture)
        network.set_means(target_means(mixture))
        self.network = network.to(self.device, memory_format=torch.channels_last).train()
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = 0.05
        # The other tracker's scores have units of their own: they teach the features, and their head stays here.
        self.teacher = nn.Linear(self.network.n_features, HEADS["expression"]).to(self.device)
        nn.init.zeros_(self.teacher.weight)
        nn.init.zeros_(self.teacher.bias)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        matrices, others = self._groups()
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=recipe.rate, weight_decay=recipe.decay),
            torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.99), fused=True),
        ]
        self.steps, self.seen, self.seconds = 0, 0, 0.0

    def _groups(self) -> tuple[list[Tensor], list[dict[str, Any]]]:
        """What Muon learns, and Adam's groups with the share of the rate and the decay of each."""
        named = [*self.network.named_parameters(), *self.teacher.named_parameters("teacher")]
        first = "conv1.weight"  # reads pixels, not features
        matrices = [p for name, p in named if p.ndim == 4 and name != first]
        last = [p for name, p in named if name.startswith(LAST_LAYERS) or name.endswith(LAST_OF_WINDOWS)]
        known = {id(p) for p in [*matrices, *last]}
        rest = [p for _, p in named if id(p) not in known]  # biases and batch norms are not pulled to zero
        decay = self.recipe.decay
        return matrices, [
            {"params": last, "share": LAST_SHARE, "weight_decay": decay},
            {"params": rest, "share": 1.0, "weight_decay": 0.0},
        ]

    @property
    def fraction(self) -> float:
        """How much of the run is done."""
        if self.recipe.seconds is not None:
            return self.seconds / self.recipe.seconds
        return self.seen / self.recipe.samples

    @property
    def size(self) -> int:
        """Side of the pictures at present."""
        return self.recipe.size_at(self.fraction)

    def step(self) -> dict[str, float]:
        """One batch; returns the terms of the loss, unweighted, and `total`."""
        began = time.monotonic()
        recipe = self.recipe
        self._hold_norms(self.fraction >= recipe.norms_until)
        groups = [group for optimiser in self.optimisers for group in optimiser.param_groups]
        for group in groups:
            group["lr"] = group.get("share", 1.0) * recipe.rate_at(self.steps, self.fraction)
        batch = self.augment(self.mixture.batch(recipe.batch), self.size, self.device)
        image, face = make_negatives(batch["image"], self.generator)
        with torch.autocast(self.device.type, torch.bfloat16):
            raw, coarse, features = self.network.forward_features(as_crops(image))
        raw |= {"coarse": coarse, "teacher": self.teacher(features)}
        terms = self.losses(raw, batch, face)
        loss = total(terms)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 5.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self._follow()
        # One transfer for all: on a GPU each would wait for the step to end.
        values = torch.stack([*terms.values(), loss]).detach().tolist()
        told = dict(zip([*terms, "total"], values, strict=True))
        self.steps += 1
        self.seen += recipe.batch
        self.seconds += time.monotonic() - began
        return told

    def _hold_norms(self, hold: bool) -> None:
        """Whether the norms of pictures go on measuring. Those of the windows' hidden layers always do."""
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not hold)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the network; in the beginning it follows closely."""
        rate = 1 - min(self.recipe.average, (1 + self.steps) / (10 + self.steps))
        ours = [t for t in self.average.state_dict().values() if t.is_floating_point()]
        theirs = [t for t in self.network.state_dict().values() if t.is_floating_point()]
        torch._foreach_lerp_(ours, theirs, rate)

    def begin_with(self, tensors: Mapping[str, AnyArray]) -> None:
        """Start from exported weights instead of from chance. Raises RuntimeError when they are another network's."""
        state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}
        counters = {name: t for name, t in self.network.state_dict().items() if name.endswith("num_batches_tracked")}
        for network in (self.network, self.average):
            network.load_state_dict(counters | state)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to continue as if nothing had happened."""
        return {
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "teacher": self.teacher.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "mixture": self.mixture.state(),
            "augment": self.augment.state().cpu(),
            "chances": self.generator.get_state().cpu(),
            "counts": [self.steps, self.seen, self.seconds],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.network.load_state_dict(state["network"])
        self.teacher.load_state_dict(state["teacher"])
        self.average.load_state_dict(state["average"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.mixture.restore(state["mixture"])
        self.augment.restore(state["augment"].cpu())
        self.generator.set_state(state["chances"].cpu())
        self.steps, self.seen, self.seconds = state["counts"]

    def export(self, path: Path, **meta: Any) -> None:
        """Write the averaged weights as the run times read them."""
        about = {"trained": True, "samples": self.seen, "seconds": round(self.seconds), **meta}
        checkpoint.export(path, self.average, self.size, about)


def run(
    trainer: Trainer,
    folder: Path,
    on_step: Callable[[Trainer, dict[str, float]], None],
    checkpoint_seconds: float = 300.0,
) -> None:
    """Train to the end of the recipe, resuming from and leaving checkpoints in `folder`."""
    found = checkpoint.load(folder, trainer.device)
    if found is not None:
        trainer.restore(found)
    saved = time.monotonic()
    while trainer.fraction < 1:
        terms = trainer.step()
        on_step(trainer, terms)
        if time.monotonic() - saved > checkpoint_seconds or trainer.fraction >= 1:
            checkpoint.save(folder, trainer.state())
            saved = time.monotonic()


def as_crops(image: Tensor) -> Tensor:  # (B, 3, S, S) 0..1 -> (B, S, S, 3) 0..255
    """The augmenter's pictures as the network takes them."""
    return image.permute(0, 2, 3, 1).contiguous() * 255


def make_negatives(image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn the first few pictures of a batch into what is no upright face; returns pictures and (B,) 1 = face.

    Half of them are cut out of a corner of the picture and enlarged, half are turned by 100 to 260 degrees.
    """
    count = len(image) // NEGATIVE_EVERY
    face = torch.ones(len(image), device=image.device)
    if count == 0:
        return image, face
    drawn = torch.rand(4, count, generator=generator).to(image.device)
    angle = math.radians(100) + drawn[0] * math.radians(160)
    cut = (drawn[1] < 0.5).float()
    zoom = cut * (0.2 + 0.2 * drawn[2]) + (1 - cut)
    angle = angle * (1 - cut)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    around = drawn[3] * 2 * math.pi
    shift = torch.stack([torch.cos(around), torch.sin(around)], -1) * (cut * 0.75)[:, None]
    rows = [torch.stack([cos, -sin, shift[:, 0]], -1), torch.stack([sin, cos, shift[:, 1]], -1)]
    grid = F.affine_grid(torch.stack(rows, 1), [count, *image.shape[1:]], align_corners=False)
    negatives = F.grid_sample(image[:count], grid, padding_mode="border", align_corners=False)
    face[:count] = 0
    return torch.cat([negatives, image[count:]]), face


def expression_spread(mixture: Mixture, count: int = 2048) -> Tensor:  # (52,)
    """Standard deviation of each coefficient in the first pool, over a fixed handful of samples."""
    pool = mixture.pools[0][0]
    drawn = pool.take(np.random.default_rng(0).integers(len(pool), size=count))
    return torch.from_numpy(drawn["expression"].std(0)).float()


def target_means(mixture: Mixture, count: int = 512) -> dict[str, Tensor]:
    """Means of the targets over a fixed handful of samples, where the heads start."""
    rng = np.random.default_rng(0)
    parts = [(pool.take(rng.integers(len(pool), size=count)), share) for pool, share in mixture.pools if len(pool)]

    def mean(key: str, validity: str | None = None) -> Tensor:
        weights = [share * (part[validity] if validity else np.ones(count)) for part, share in parts]
        together = np.concatenate([part[key].reshape(count, -1) for part, _ in parts])
        weight = np.concatenate(weights)
        if weight.ndim == 2:
            weight = weight.mean(1)
        return torch.from_numpy(np.average(together, 0, weight + 1e-9)).float()

    points = mean("points")
    assert len(points) == N_POINTS * 2
    return {
        "points": points,
        "expression": mean("expression", "expression_weight"),
        "texture": mean("texture", "texture_valid"),
        "light": mean("light", "light_valid"),
        "placement": torch.cat([mean("scale"), mean("position")]),
    }
