"""The table of training data: every row has what the row before it has, and batches are shared out as in training."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")

import itertools

from face3d_live.train.data.pool import PORTRAIT_SHARE
from face3d_live.train.data.portraits import Portrait

SIZES = {"plain": 50, "real": 50, "clips": 14} | {
    f"{kind}_{people}": count * (1 if kind == "portraits" else 3)
    for kind in ("portraits", "turned")
    for people, count in (("single", 16), ("apart", 4), ("together", 4))
}


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "bench" / "ablation.py"
    spec = importlib.util.spec_from_file_location("ablation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ablation"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_row_adds_one_thing(ablation: ModuleType) -> None:
    rows = ablation.ROWS
    assert [row.name for row in rows[1:]] == [
        f"+ {what}" for what in ("portraits", "real skin", "turned", "pairs", "clips")
    ]
    for before, after in itertools.pairwise(rows):
        apart = {name.replace("together", "apart") for name in after.real}
        assert {name.replace("together", "apart") for name in before.real} <= apart, after.name
        changes = [before.drawn != after.drawn, set(before.real) != set(after.real)]
        assert sum(changes) == 1, after.name
    assert len({row.name for row in rows}) == len(rows)


def test_a_batch_is_shared_out(ablation: ModuleType) -> None:
    for row in ablation.ROWS:
        parts = dict(ablation.shares(row, SIZES))
        assert sum(parts.values()) == pytest.approx(1)
        assert parts[row.drawn] == (pytest.approx(1 - PORTRAIT_SHARE) if row.real else 1)
        per_picture = {name: parts[name] / SIZES[name] for name in row.real}
        assert len({round(share, 9) for share in per_picture.values()}) <= 1


def test_fitting_together_changes_no_picture(ablation: ModuleType) -> None:
    """The rows on pairs differ in nothing but the fits of the same people."""
    turned, pairs = ablation.ROWS[3], ablation.ROWS[4]
    assert [name.replace("together", "apart") for name in pairs.real] != list(pairs.real)
    assert {name.replace("together", "apart") for name in pairs.real} == set(turned.real)


def test_people_with_several_pictures_are_told_apart(ablation: ModuleType) -> None:
    index = [Portrait(Path(f"{i}.jpg"), "set", 30.0, who, i) for i, who in enumerate("abcbda")]
    single, several = ablation.split_people(index)
    assert [p.person for p in single] == ["c", "d"]
    assert [p.person for p in several] == ["a", "b", "b", "a"]


def test_the_table_says_how_far_seeds_differ(ablation: ModuleType) -> None:
    figures: list[dict[str, dict[str, float]]] = [
        {path.split("/")[0]: {} for _, path, _ in ablation.COLUMNS} for _ in range(2)
    ]
    for seed, found in enumerate(figures):
        for _, path, _ in ablation.COLUMNS:
            part, key = path.split("/")
            found[part][key] = 1.0 + seed
    lines = ablation.table([(ablation.ROWS[0], figures), (ablation.ROWS[1], figures[:1])]).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
    assert ablation.cell([{"clips": {}}], "clips/mean_r", 2) == "not measured"
    assert "1.50 ± 0.50" in lines[2] and "±" not in lines[3] and "1.00" in lines[3]
