"""The node tree: world transforms at rest, visibility, and the bone that carries each node."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json, broken
from face3d_live.avatar.model import BONES

MAX_NODES = 5000

#: Rigs put their own name before a bone's.
_PREFIX = re.compile(
    r"^(mixamorig\d*|j_bip_[clr]|j_adj_[lr]|bip0*1|def|org|cc_base|armature|rig)[ _:.|-]+", re.IGNORECASE
)
_BY_NAME = {
    "neck": {"neck", "neck1", "neck01", "neckbone"},
    "head": {"head", "headbone"},
    "leftEye": {"lefteye", "eyeleft", "eyel", "leye", "faceeyel", "eyeballl", "lefteyeball", "eyeballleft"},
    "rightEye": {"righteye", "eyeright", "eyer", "reye", "faceeyer", "eyeballr", "righteyeball", "eyeballright"},
}


class Nodes:
    """parent (N,): -1 for roots. world (N, 4, 4). order: parents before children."""

    def __init__(self, root: Json) -> None:
        """Raises InputError "avatar-too-complex", "avatar-broken" (cycles and nodes with two parents included)."""
        self.plain = fields.objects(root, "nodes", MAX_NODES)
        self.names = [fields.text(node, "name") for node in self.plain]
        self.parent = self._parents()
        self.order = self._topological()
        self.world = np.empty((len(self.plain), 4, 4))
        for i in self.order:
            local, parent = _local(self.plain[i]), self.parent[i]
            self.world[i] = self.world[parent] @ local if parent >= 0 else local
        if not np.isfinite(self.world).all() or (np.abs(self.world) > 1e9).any():
            raise broken("nodes are placed or scaled beyond measure")

    def __len__(self) -> int:
        return len(self.plain)

    def shown(self, root: Json) -> list[int]:
        """The nodes of the file's scene, parents first; all where no scene is named. Hidden ones are left out."""
        scenes = fields.objects(root, "scenes", 1000)
        number = fields.index(root, "scene", len(scenes), "scene")
        if not scenes:
            return self._visible(self.order)
        wanted = set()
        for node in fields.listed(scenes[number or 0], "nodes", MAX_NODES):
            wanted.add(self._checked(node))
        for i in self.order:
            if self.parent[i] in wanted:
                wanted.add(i)
        return self._visible([i for i in self.order if i in wanted])

    def _visible(self, nodes: list[int]) -> list[int]:
        """Without what KHR_node_visibility hides, and what is below that."""
        hidden: set[int] = set()
        for i in self.order:
            switch = fields.mapping(fields.mapping(self.plain[i], "extensions"), "KHR_node_visibility")
            if switch.get("visible") is False or self.parent[i] in hidden:
                hidden.add(i)
        return [i for i in nodes if i not in hidden]

    def bones_by_name(self) -> dict[str, int]:
        """Name of `BONES` -> node, for rigs without a VRM humanoid. The first in tree order wins."""
        found: dict[str, int] = {}
        for i in self.order:
            name = self.names[i]
            while (stripped := _PREFIX.sub("", name)) != name:
                name = stripped
            plain = re.sub(r"[^a-z0-9]", "", name.lower())
            for bone in BONES:
                if plain in _BY_NAME[bone]:
                    found.setdefault(bone, i)
        return found

    def groups(self, bones: dict[str, int]) -> NDArray[np.int32]:  # -> (N,) column of BONES, -1 for the body
        """The bone that carries each node: its own or that of its nearest ancestor with a bone."""
        own = {node: BONES.index(name) for name, node in bones.items()}
        group = np.full(len(self.plain), -1, np.int32)
        for i in self.order:
            group[i] = own.get(i, group[self.parent[i]] if self.parent[i] >= 0 else -1)
        return group

    def _parents(self) -> list[int]:
        parent = [-1] * len(self.plain)
        for i, node in enumerate(self.plain):
            for child in fields.listed(node, "children", MAX_NODES):
                child = self._checked(child)
                if parent[child] != -1:
                    raise broken(f"node {child} has two parents")
                parent[child] = i
        return parent

    def _topological(self) -> list[int]:
        children: list[list[int]] = [[] for _ in self.plain]
        for i, parent in enumerate(self.parent):
            if parent >= 0:
                children[parent].append(i)
        order, waiting = [], [i for i, parent in enumerate(self.parent) if parent < 0][::-1]
        while waiting:
            order.append(waiting.pop())
            waiting += children[order[-1]][::-1]
        if len(order) < len(self.plain):
            raise broken("the node tree runs in a circle")
        return order

    def _checked(self, node: object) -> int:
        if not isinstance(node, int) or isinstance(node, bool) or not 0 <= node < len(self.plain):
            raise broken(f"node {str(node)[:40]} does not exist")
        return node


def _local(node: Json) -> NDArray[np.float64]:  # -> (4, 4)
    if "matrix" in node:
        return fields.numbers(node, "matrix", (0.0,) * 16).reshape(4, 4).T
    move, scale = fields.numbers(node, "translation", (0.0,) * 3), fields.numbers(node, "scale", (1.0,) * 3)
    x, y, z, w = fields.numbers(node, "rotation", (0.0, 0.0, 0.0, 1.0))
    length = x * x + y * y + z * z + w * w
    if length < 1e-12:
        raise broken("a node's rotation is zero")
    s = 2 / length
    turn = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    )
    local = np.eye(4)
    local[:3, :3] = turn * scale
    local[:3, 3] = move
    return local
