"""Which coefficients and VRM expressions drive each morph target.

For each coefficient the first of these that exists is used: a VRM expression with ARKit's name ("perfect sync"), a
target with ARKit's name, a VRM preset for that coefficient (blinkLeft). A preset or target for both sides at once
(blink) is used where there is none of these. Vowels and moods come last, where no coefficients do the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from face3d_live.avatar.expressions import Expression
from face3d_live.avatar.model import BLEND, BLOCK, Expressions
from face3d_live.avatar.names import Shares, arkit_shares, is_exact
from face3d_live.avatar.presets import AS_ARKIT, LOOKS, OVERRIDE_KINDS, PRESETS, REPLACED_BY
from face3d_live.avatar.vrm import Vrm
from face3d_live.codes import ARKIT, EYE_PITCH, EYE_YAW, INDEX, N_EXPRESSION
from face3d_live.errors import InputError
from face3d_live.typing import Array

#: Numbers in `Drive.matrix`: 64 MB. Avatars have a few thousand.
MAX_SHARES = 16_000_000

#: A node and the number of a morph target of its mesh.
Target = tuple[int, int]
#: (target, coefficient, share)
_Entry = tuple[Target, int, float]
_STRENGTHS = {"none": 0, "blend": BLEND, "block": BLOCK}


@dataclass(eq=False)
class Used:
    """A VRM expression that is followed. targets: what it moves and how far at weight 1."""

    name: str
    plain: Expression
    shares: Shares
    limit: float
    targets: list[tuple[Target, float]]


@dataclass
class Drive:
    """rows: target -> its row of `matrix`. found: ARKit names. presets: VRM's vowels and moods in use. bound:
    targets that expressions move."""

    rows: dict[Target, int] = field(default_factory=dict)
    named: list[_Entry] = field(default_factory=list)
    expressions: list[Used] = field(default_factory=list)
    found: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    bound: set[Target] = field(default_factory=set)

    def matrix(self) -> Array:  # (R, 52 + E)
        """What each target follows: coefficients, then expressions. Of several shares of one the largest counts."""
        matrix = np.zeros((len(self.rows), N_EXPRESSION + len(self.expressions)), np.float32)
        for target, signal, share in self.named:
            row = self.rows[target]
            matrix[row, signal] = max(share, matrix[row, signal])
        for i, used in enumerate(self.expressions):
            for target, weight in used.targets:
                row = self.rows[target]
                matrix[row, N_EXPRESSION + i] = max(weight, matrix[row, N_EXPRESSION + i])
        return matrix

    def table(self) -> Expressions:
        """The expressions as arrays."""
        used = self.expressions
        sources = np.zeros((len(used), N_EXPRESSION + len(PRESETS)), np.float32)
        for row, one in zip(sources, used, strict=True):
            for signal, share in one.shares:
                row[signal] = max(share, row[signal])
        overrides = [[_STRENGTHS[way] for way in one.plain.overrides] for one in used]
        return Expressions(
            tuple(one.name for one in used),
            sources,
            np.array([one.limit for one in used], np.float32),
            np.array([one.plain.binary for one in used], bool),
            np.array([OVERRIDE_KINDS.get(one.name, 0) for one in used], np.int8),
            np.array(overrides, np.int8).reshape(-1, 3),
        )

    def by_node(self) -> dict[int, dict[int, int]]:
        """Node -> target of its mesh -> row of the matrix."""
        found: dict[int, dict[int, int]] = {}
        for (node, morph), row in self.rows.items():
            found.setdefault(node, {})[morph] = row
        return found

    def at_rest(self, node: int, defaults: Mapping[int, float], pose: bool) -> dict[int, float]:
        """A node's default weights as far as they are its rest.

        VRM's expressions begin at 0, whatever the file's weights. pose: so does everything else that is driven.
        """
        begins = self.rows.keys() if pose else self.bound
        return {number: weight for number, weight in defaults.items() if (node, number) not in begins}


def plan(names: list[list[str]], carriers: dict[int, list[int]], vrm: Vrm, painted: set[int]) -> Drive:
    """Decide what moves. names: mesh -> its targets' names. carriers: mesh -> nodes that show it. painted: materials.

    An expression that moves nothing shown and changes no material that is painted is used only for its overrides.
    Raises InputError "avatar-too-complex".
    """
    return _Plan(carriers, vrm, painted).decide(names)


class _Plan:
    def __init__(self, carriers: dict[int, list[int]], vrm: Vrm, painted: set[int]) -> None:
        self._carriers, self._vrm, self._painted = carriers, vrm, painted
        self._shown = {node for nodes in carriers.values() for node in nodes}
        self._drive = Drive()

    def decide(self, names: list[list[str]]) -> Drive:
        """Expressions by one coefficient, then by two, then targets by their names, then vowels and moods."""
        exact, loose = self._named(names)
        customs = [used for used in self._expressions() if used.name not in AS_ARKIT]
        sure = {used.shares[0][0] for used in customs if self._acts(used) and is_exact(used.name, used.shares)}
        presets = [used for used in self._expressions() if used.name in AS_ARKIT]
        single, double = ([u for u in presets if (len(u.shares) == 1) == one] for one in (True, False))
        for used in single:
            signal = used.shares[0][0]
            held = {target for target, other, _ in exact if other == signal}
            if signal not in sure and held <= {target for target, _ in used.targets}:
                self._use(used)
        for used in customs:
            if is_exact(used.name, used.shares):
                self._use(used)
        known = {signal for _, signal, _ in exact} | {s for u in self._drive.expressions for s, _ in u.shares}
        for used in double + [used for used in customs if not is_exact(used.name, used.shares)]:
            used.shares = tuple((signal, share) for signal, share in used.shares if signal not in known)
            self._use(used)
        self._name(exact + [entry for entry in loose if entry[1] not in known])
        self._drive.found = self._found()
        self._add_presets()
        self._drive.bound = {target for used in self._drive.expressions for target, _ in used.targets}
        for target in [entry[0] for entry in self._drive.named] + sorted(self._drive.bound):
            self._drive.rows.setdefault(target, len(self._drive.rows))
        if len(self._drive.rows) * (N_EXPRESSION + len(self._drive.expressions)) > MAX_SHARES:
            text = "the expressions move too many shape keys: remove expressions that are not needed, or merge meshes"
            raise InputError("avatar-too-complex", text)
        return self._drive

    def _named(self, names: list[list[str]]) -> tuple[list[_Entry], list[_Entry]]:
        """Entries from the targets' names: exact ARKit names, and looser matches."""
        exact: list[_Entry] = []
        loose: list[_Entry] = []
        for mesh, nodes in self._carriers.items():
            for morph, name in enumerate(names[mesh]):
                shares = arkit_shares(name)
                entries = exact if is_exact(name, shares) else loose
                entries += [((node, morph), signal, share) for signal, share in shares for node in nodes]
        return exact, loose

    def _name(self, entries: list[_Entry]) -> None:
        """Targets follow their names, but for what an expression does to them for the same reason."""
        done = {(target, signal) for used in self._drive.expressions for signal, _ in used.shares
                for target, _ in used.targets}  # fmt: skip
        self._drive.named = [entry for entry in entries if entry[:2] not in done]

    def _expressions(self) -> Iterator[Used]:
        """Those that follow coefficients."""
        bones = self._vrm.look == "bone" and {"leftEye", "rightEye"} <= set(self._vrm.bones)
        for name, plain in self._vrm.expressions.items():
            shares = AS_ARKIT.get(name, ()) if name in AS_ARKIT else arkit_shares(name)
            if name in PRESETS or not shares or (name in LOOKS and bones):
                continue
            limit = 1.0
            if name in LOOKS and self._vrm.look == "expression" and name in self._vrm.look_range:
                widest, most = self._vrm.look_range[name]
                reach = np.degrees(EYE_YAW if name in ("lookLeft", "lookRight") else EYE_PITCH)
                shares = tuple((signal, float(share * reach / widest * most)) for signal, share in shares)
                limit = min(most, 1.0)
            yield Used(name, plain, shares, limit, self._targets(plain))

    def _targets(self, plain: Expression) -> list[tuple[Target, float]]:
        """What an expression moves: VRM 0 names meshes, VRM 1 nodes."""
        found = []
        for bind in plain.binds:
            nodes = [bind.where] if bind.where in self._shown else []
            if self._vrm.kind == "vrm0":
                nodes = self._carriers.get(bind.where, [])
            found += [((node, bind.morph), bind.weight) for node in nodes]
        return found

    def _acts(self, used: Used) -> bool:
        return bool(used.targets) or any(change.material in self._painted for change in used.plain.repaints)

    def _use(self, used: Used) -> None:
        overrides = any(way != "none" for way in used.plain.overrides)
        if used.shares and (self._acts(used) or overrides):
            self._drive.expressions.append(used)

    def _found(self) -> tuple[str, ...]:
        found = {signal for _, signal, _ in self._drive.named}
        found |= {signal for used in self._drive.expressions if self._acts(used) for signal, _ in used.shares}
        return tuple(name for name in ARKIT if INDEX[name] in found)

    def _add_presets(self) -> None:
        drive = self._drive
        for i, name in enumerate(PRESETS):
            if all(other in drive.found for other in REPLACED_BY[name]) or name not in self._vrm.expressions:
                continue
            plain = self._vrm.expressions[name]
            used = Used(name, plain, ((N_EXPRESSION + i, 1.0),), 1.0, self._targets(plain))
            self._use(used)
            if self._acts(used):
                drive.presets += (name,)
