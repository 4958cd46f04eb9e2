"""A .glb or .vrm file in, an `Avatar` out. Whatever the bytes are, nothing but InputError is raised."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from face3d_live.avatar.bake import Baked, Baker, with_turns
from face3d_live.avatar.cost import check_cost
from face3d_live.avatar.drive import Drive, Target, plan
from face3d_live.avatar.expressions import undrawn
from face3d_live.avatar.frame import Framing, frame
from face3d_live.avatar.gltf import container, fields
from face3d_live.avatar.gltf.accessors import Accessors
from face3d_live.avatar.gltf.extensions import check_extensions, check_primitive
from face3d_live.avatar.gltf.fields import Json
from face3d_live.avatar.images import Images
from face3d_live.avatar.materials import Materials
from face3d_live.avatar.model import BONES, HEAD, LEFT_EYE, NECK, RIGHT_EYE, Avatar, Change, Part, Report
from face3d_live.avatar.nodes import Nodes
from face3d_live.avatar.presets import LOOKS
from face3d_live.avatar.surface import MAX_TRIANGLES, read_surface, too_many
from face3d_live.avatar.targets import default_weights, holds_a_pose, target_names
from face3d_live.avatar.vrm import Vrm, read_vrm
from face3d_live.codes import ARKIT, INDEX, N_EXPRESSION
from face3d_live.errors import InputError
from face3d_live.typing import AnyArray

MAX_MESHES = 2000
MAX_PRIMITIVES = 2000
MAX_VERTICES = 600_000

_LOOKS = {bone: [f"eyeLook{way}{side}" for way in ("In", "Out", "Up", "Down")]
          for bone, side in ((LEFT_EYE, "Left"), (RIGHT_EYE, "Right"))}  # fmt: skip


def read_avatar(path: Path) -> Avatar:
    """Load a file. Raises InputError; "avatar-missing" when there is none, the others as `load_avatar`."""
    try:
        container.check_size(path.stat().st_size)
        data = path.read_bytes()
    except OSError as error:
        raise InputError("avatar-missing", f"{path} cannot be read ({error.strerror}): check its name") from error
    return load_avatar(data)


def load_avatar(data: bytes) -> Avatar:
    """Parse a binary glTF 2.0 file with ARKit-named morph targets or VRM 0.x or 1.0 expressions.

    Raises InputError: avatar-too-large, avatar-not-glb, avatar-truncated, avatar-broken, avatar-external,
    avatar-compressed, avatar-extension, avatar-too-complex, avatar-image, avatar-size, avatar-empty, avatar-no-morphs.
    """
    root, binary = container.split_glb(data)
    check_extensions(root)
    with np.errstate(all="ignore"):  # extreme numbers overflow; what is not finite is then refused
        avatar = _Loader(root, binary).load()
    check_cost(avatar)
    return avatar


class _Loader:
    def __init__(self, root: Json, binary: memoryview) -> None:
        self._root = root
        self._accessors = Accessors(root, binary)
        self._nodes = Nodes(root)
        self._meshes = fields.objects(root, "meshes", MAX_MESHES)
        self._vrm: Vrm = read_vrm(root, len(self._nodes))
        self._images = Images(root, self._accessors)
        self._materials = Materials(root, self._images, self._vrm)
        self._bones = self._vrm.bones or self._nodes.bones_by_name()
        self._vertices = self._triangles = 0
        self._on: list[tuple[Target, float]] = []  # targets that are driven, and on in the file

    def load(self) -> Avatar:
        carriers: dict[int, list[int]] = {}
        for node in self._nodes.shown(self._root):
            mesh = fields.index(self._nodes.plain[node], "mesh", len(self._meshes), "mesh")
            if mesh is not None:
                carriers.setdefault(mesh, []).append(node)
        names = [target_names(self._root, mesh) for mesh in self._meshes]
        drive = plan(names, carriers, self._vrm, self._painted(carriers))
        if not drive.found and not drive.presets:
            raise InputError("avatar-no-morphs", _nothing_moves(self._vrm))
        baked = self._bake_all(carriers, drive)
        if not baked:
            raise InputError("avatar-empty", "the file shows no triangles: export the model with its meshes")
        changes = self._materials.repainted(drive.expressions)
        if not any(part.rows for part in baked) and not changes:
            raise InputError("avatar-no-morphs", "the shape keys move nothing: export the model with its shape keys")
        return self._finish(baked, drive, changes)

    def _painted(self, carriers: dict[int, list[int]]) -> set[int]:
        """The materials of the meshes that are shown."""
        primitives = (
            primitive
            for number in carriers
            for primitive in fields.objects(self._meshes[number], "primitives", MAX_PRIMITIVES)
        )
        return {material for one in primitives if (material := self._materials.index(one)) is not None}

    def _bake_all(self, carriers: dict[int, list[int]], drive: Drive) -> list[Baked]:
        baker = Baker(self._root, self._accessors, self._nodes, self._nodes.groups(self._bones))
        baked, primitives, rows = [], 0, drive.by_node()
        for number, nodes in carriers.items():
            rests = {node: self._rest(number, node, drive) for node in nodes}
            driven = {node: rows.get(node, {}) for node in nodes}
            for primitive in fields.objects(self._meshes[number], "primitives", MAX_PRIMITIVES):
                primitives += len(nodes)
                if primitives > MAX_PRIMITIVES:
                    raise InputError("avatar-too-complex", f"more than {MAX_PRIMITIVES} pieces: merge the meshes")
                baked += self._bake(baker, primitive, rests, driven)
            self._accessors.forget()
        return baked

    def _rest(self, mesh: int, node: int, drive: Drive) -> dict[int, float]:
        """Target -> the weight that it has in the avatar at rest, and from which it is driven."""
        defaults = default_weights(self._meshes[mesh], self._nodes.plain[node])
        rest = drive.at_rest(node, defaults, holds_a_pose(self._root))
        self._on += [((node, morph), weight) for morph, weight in rest.items() if (node, morph) in drive.rows]
        return rest

    def _bake(
        self, baker: Baker, primitive: Json, rests: dict[int, dict[int, float]], driven: dict[int, dict[int, int]]
    ) -> list[Baked]:
        """A primitive on each of its nodes. rests: node -> target -> weight. driven: node -> target -> row."""
        check_primitive(primitive)
        wanted = sorted(set().union(*driven.values(), *rests.values()))
        material = self._materials.index(primitive)
        surface = read_surface(self._accessors, primitive, wanted, self._materials.layers(material))
        if surface is None:
            return []
        self._vertices += len(rests) * len(surface.positions)
        self._triangles += len(rests) * len(surface.faces)
        if self._triangles > MAX_TRIANGLES or self._vertices > MAX_VERTICES:
            raise too_many(self._triangles)
        slot = self._materials.slot(material)
        return [
            baker.bake(surface.at_rest(rest, driven[node]), node, slot, driven[node]) for node, rest in rests.items()
        ]

    def _on_at_rest(self, drive: Drive) -> str:
        """Those that people leave on by mistake."""
        names = {target: ARKIT[signal] for target, signal, _ in drive.named}
        parts = sorted({f"{names[target]} {weight:.2g}" for target, weight in self._on if target in names})
        return f"not 0 in the file, and so at rest: {', '.join(parts[:8])}"

    # --- the last steps ---------------------------------------------------------------------------------------------

    def _finish(self, baked: list[Baked], drive: Drive, changes: tuple[Change, ...]) -> Avatar:
        matrix, table = drive.matrix(), drive.table()
        reach = np.maximum(matrix[:, :N_EXPRESSION], matrix[:, N_EXPRESSION:] @ table.sources[:, :N_EXPRESSION])
        used = _carry(baked, set(map(BONES.index, self._bones)))
        places = {column: self._nodes.world[self._bones[BONES[column]]][:3, 3] for column in used}
        placing = frame(baked, places, _lids(baked, reach), _faces_back(self._vrm), {one.material for one in changes})
        turns = _eye_turns(baked, reach, used)
        if self._vrm.look == "expression" and any(name in table.names for name in LOOKS):
            turns = False, False
        return Avatar(
            tuple(self._part(piece, placing) for piece in baked),
            tuple(self._materials.taken),
            self._images.taken(),
            matrix,
            table,
            changes,
            placing.pivots.astype(np.float32),
            turns,
            self._vrm.eye_range,
            placing.eyes.astype(np.float32),
            placing.low.astype(np.float32),
            placing.high.astype(np.float32),
            self._report(drive, used, turns),
        )

    def _part(self, piece: Baked, placing: Framing) -> Part:
        lit = self._materials.taken[piece.material].style == "lit"
        # Toon materials keep their authored smooth normals: recomputed ones would show the mesh's folds.
        morphs = with_turns(piece) if lit and len(piece.rows) else piece.moves.copy()
        morphs[..., :3] = placing.direct(morphs[..., :3]) * placing.scale
        if morphs.shape[-1] == 6:
            morphs[..., 3:] = placing.direct(morphs[..., 3:])
        return Part(
            piece.material,
            placing.place(piece.positions),
            placing.direct(piece.normals),
            piece.uv,
            piece.colours,
            piece.faces,
            np.ascontiguousarray(piece.groups[:, 1:]),
            piece.touched,
            morphs,
            np.array(piece.rows, np.int32),
        )

    def _report(self, drive: Drive, used: list[int], turns: tuple[bool, bool]) -> Report:
        warnings = list(self._materials.warnings)
        if HEAD not in used:
            warnings.append("no head bone: the whole model turns with the head")
        warnings += undrawn(self._vrm.expressions)
        if self._on:
            warnings.append(self._on_at_rest(drive))
        if not any(turns) and not any(name in drive.found for names in _LOOKS.values() for name in names):
            warnings.append("neither eye bones nor eyeLook shape keys: the eyes do not follow the gaze")
        asset = fields.mapping(self._root, "asset")
        return Report(
            self._vrm.kind,
            self._vrm.name or next((name for name in map(str, self._nodes.names) if name), ""),
            self._vrm.author or fields.text(asset, "copyright"),
            drive.found,
            tuple(name for name in ARKIT if name not in drive.found),
            drive.presets,
            tuple(BONES[column] for column in used),
            self._triangles,
            tuple(warnings),
        )


def _nothing_moves(vrm: Vrm) -> str:
    """Why a file has nothing to follow, and what to do."""
    left_out = sorted({what for one in vrm.expressions.values() for what in one.left_out})
    if left_out:
        return f"the VRM expressions change only what is not drawn ({', '.join(left_out)}): let them move shape keys"
    return "no shape key has an ARKit name (jawOpen, eyeBlinkLeft, ...) and there are no VRM expressions: add them"


def _faces_back(vrm: Vrm) -> bool | None:
    """VRM 0 looks along -z, VRM 1 along +z; others should do so, too."""
    return {"vrm0": True, "vrm1": False}.get(vrm.kind)


def _carry(baked: list[Baked], named: set[int]) -> list[int]:
    """The columns of BONES that carry something. Without a head bone the head carries everything but the eyes."""
    total = np.sum([piece.groups.sum(0) for piece in baked], axis=0)[1:]
    used = [column for column in sorted(named) if column == NECK or total[column] > 0]
    if HEAD in used:
        return used
    for piece in baked:
        piece.groups[:, 1 + HEAD] += piece.groups[:, [0, 1 + NECK]].sum(1)
        piece.groups[:, [0, 1 + NECK]] = 0
    return [column for column in used if column != NECK]


def _lids(baked: list[Baked], matrix: AnyArray) -> dict[str, list[tuple[int, int]]]:
    """Side -> (part, row of its moves) of what blinks there."""
    lids: dict[str, list[tuple[int, int]]] = {"Left": [], "Right": []}
    for side, found in lids.items():
        for i, piece in enumerate(baked):
            found += [(i, k) for k, row in enumerate(piece.rows) if matrix[row, INDEX[f"eyeBlink{side}"]] > 0]
    return lids


def _eye_turns(baked: list[Baked], matrix: AnyArray, used: list[int]) -> tuple[bool, bool]:
    """Whether each eye is turned by its bone: it has one, and no morph already moves what hangs on it."""
    turns = []
    for bone, names in _LOOKS.items():
        signals = [INDEX[name] for name in names]
        moved = False
        for piece in baked:
            on_eye = piece.groups[piece.touched, 1 + bone] > 0.5
            looks = [k for k, row in enumerate(piece.rows) if matrix[row, signals].any()]
            moved |= bool(on_eye.any() and np.abs(piece.moves[looks][:, on_eye]).max(initial=0) > 0)
        turns.append(bone in used and not moved)
    return turns[0], turns[1]
