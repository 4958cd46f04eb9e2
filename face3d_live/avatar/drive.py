"""Which morph target follows which signal: from target names, VRM's expressions, or both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar import fields
from face3d_live.avatar.fields import Json
from face3d_live.avatar.names import arkit_shares
from face3d_live.avatar.presets import AS_ARKIT, PRESETS, REPLACED_BY
from face3d_live.avatar.vrm import Vrm
from face3d_live.codes import ARKIT, INDEX, N_EXPRESSION

MAX_TARGETS = 3000

#: A node and the number of a morph target of its mesh.
Target = tuple[int, int]


@dataclass
class Drive:
    """rows: target -> its row of `matrix` (R, 52 + P). found: ARKit names. expressions: VRM presets in use."""

    rows: dict[Target, int] = field(default_factory=dict)
    shares: list[dict[int, float]] = field(default_factory=list)
    found: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()

    def add(self, target: Target, signal: int, share: float) -> None:
        """Let a target follow a signal. Its name and a VRM expression may both say so: the larger counts."""
        row = self.rows.setdefault(target, len(self.rows))
        if row == len(self.shares):
            self.shares.append({})
        self.shares[row][signal] = max(share, self.shares[row].get(signal, 0.0))

    def matrix(self) -> NDArray[np.float32]:  # (R, 52 + P)
        """The shares as one matrix."""
        matrix = np.zeros((len(self.shares), N_EXPRESSION + len(PRESETS)), np.float32)
        for row, shares in enumerate(self.shares):
            matrix[row, list(shares)] = list(shares.values())
        return matrix


def target_names(root: Json, mesh: Json) -> list[str]:
    """Names of a mesh's targets, wherever its exporter put them; "" where there is none."""
    primitives = fields.objects(mesh, "primitives", 10_000)
    accessors = root.get("accessors", [])
    for holder in (mesh, *primitives[:1]):
        # Extras are anybody's: what is not as expected says nothing.
        extras = holder.get("extras")
        names = extras.get("targetNames") if isinstance(extras, dict) else None
        if isinstance(names, list):
            return [name[:200] if isinstance(name, str) else "" for name in names[:MAX_TARGETS]]
    found = []
    for target in fields.objects(primitives[0], "targets", MAX_TARGETS) if primitives else []:
        number = fields.index(target, "POSITION", len(accessors), "accessor")
        found.append(fields.text(accessors[number], "name") if number is not None else "")
    return found


def plan(root: Json, meshes: list[Json], carriers: dict[int, list[int]], vrm: Vrm) -> Drive:
    """Decide what moves. carriers: mesh -> nodes that show it.

    A target for both sides is left alone where the file has one for each, and a VRM preset where it has coefficients
    that do the same.
    """
    exact: list[tuple[Target, int, float]] = []
    loose: list[tuple[Target, int, float]] = []
    for number, mesh in enumerate(meshes):
        for morph, name in enumerate(target_names(root, mesh)):
            for node in carriers.get(number, []):
                _sort(exact, loose, name, (node, morph), 1.0)
    for name, binds in vrm.expressions.items():
        for target, weight in _targets(binds, carriers, vrm) if name not in PRESETS else []:
            if name in AS_ARKIT:
                both = len(AS_ARKIT[name]) > 1
                (loose if both else exact).extend((target, signal, w * weight) for signal, w in AS_ARKIT[name])
            else:
                _sort(exact, loose, name, target, weight)
    drive = Drive()
    known = {signal for _, signal, _ in exact}
    for target, signal, share in exact + [entry for entry in loose if entry[1] not in known]:
        drive.add(target, signal, share)
    found = {signal for shares in drive.shares for signal in shares}
    drive.found = tuple(name for name in ARKIT if INDEX[name] in found)
    drive.expressions = _add_presets(drive, carriers, vrm)
    return drive


def _sort(exact: list, loose: list, name: str, target: Target, weight: float) -> None:
    shares = arkit_shares(name)
    fits = exact if len(shares) == 1 and shares[0][1] == 1 and _is_arkit(name, shares[0][0]) else loose
    fits += [(target, signal, share * weight) for signal, share in shares]


def _is_arkit(name: str, signal: int) -> bool:
    """Whether the name is ARKit's for this coefficient, side included, and not another rig's word for it."""
    stem = ARKIT[signal].removesuffix("Left").removesuffix("Right").lower()
    return stem in "".join(filter(str.isalnum, name)).lower()


def _targets(binds: Iterable, carriers: dict[int, list[int]], vrm: Vrm) -> list[tuple[Target, float]]:
    """What an expression moves: VRM 0 names meshes, VRM 1 nodes."""
    found = []
    shown = {node for nodes in carriers.values() for node in nodes}
    for bind in binds:
        nodes = carriers.get(bind.where, []) if vrm.kind == "vrm0" else [bind.where] if bind.where in shown else []
        found += [((node, bind.morph), bind.weight) for node in nodes]
    return found


def _add_presets(drive: Drive, carriers: dict[int, list[int]], vrm: Vrm) -> tuple[str, ...]:
    used = []
    for i, name in enumerate(PRESETS):
        targets = _targets(vrm.expressions.get(name, []), carriers, vrm)
        replaced = all(other in drive.found for other in REPLACED_BY[name])
        if not targets or replaced:
            continue
        used.append(name)
        for target, weight in targets:
            drive.add(target, N_EXPRESSION + i, weight)
    return tuple(used)
