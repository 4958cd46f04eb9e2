"""A .glb or .vrm file in, an `Avatar` out. Whatever the bytes are, nothing but InputError is raised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar import container, fields
from face3d_live.avatar.accessors import MAX_ACCESSORS, Accessors
from face3d_live.avatar.bake import Baked, Baker, with_turns
from face3d_live.avatar.drive import Drive, plan
from face3d_live.avatar.fields import Json
from face3d_live.avatar.frame import Framing, frame
from face3d_live.avatar.images import Images
from face3d_live.avatar.materials import Materials
from face3d_live.avatar.model import BONES, HEAD, LEFT_EYE, NECK, RIGHT_EYE, Avatar, Part, Report
from face3d_live.avatar.nodes import Nodes
from face3d_live.avatar.surface import MAX_TRIANGLES, read_surface, too_many
from face3d_live.avatar.vrm import Vrm, read_vrm
from face3d_live.codes import ARKIT, INDEX
from face3d_live.errors import InputError

MAX_MESHES = 2000
MAX_PRIMITIVES = 2000
MAX_VERTICES = 600_000

#: Compressions, and how one gets a file without them.
_COMPRESSED = {
    "KHR_draco_mesh_compression": "in Blender's export untick Compression, or run gltf-transform copy in.glb out.glb",
    "EXT_meshopt_compression": "leave gltfpack's -c and -cc out, or run gltf-transform copy in.glb out.glb",
    "KHR_meshopt_compression": "leave gltfpack's -c and -cc out, or run gltf-transform copy in.glb out.glb",
    "KHR_texture_basisu": "keep its textures as PNG, JPEG or WebP instead of KTX2",
}
#: Extensions that a file may insist on: read here, or without an effect on what is drawn.
_KNOWN = ("KHR_materials_", "KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp", "VRM")  # prefixes
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
    root, binary = container.split(data)
    _check_extensions(root)
    _check_views(root)
    with np.errstate(all="ignore"):  # extreme numbers overflow; what is not finite is then refused
        return _Loader(root, binary).load()


def _check_extensions(root: Json) -> None:
    required = [name for name in fields.listed(root, "extensionsRequired", 200) if isinstance(name, str)]
    for name in required:
        if name in _COMPRESSED:
            raise _compressed(name)
        if not name.startswith(_KNOWN):
            raise InputError("avatar-extension", f"the model needs {name[:60]}, which is not read: export without it")


def _check_views(root: Json) -> None:
    """Compressed views without a plain copy: their own buffer has the size of the unpacked data, and no data."""
    for view in fields.objects(root, "bufferViews", MAX_ACCESSORS):
        for name in fields.mapping(view, "extensions"):
            if name in _COMPRESSED and view.get("buffer") != 0:
                raise _compressed(name)


def _compressed(name: str) -> InputError:
    text = f"the model is compressed with {name}, which is not read: {_COMPRESSED[name]}"
    return InputError("avatar-compressed", text)


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

    def load(self) -> Avatar:
        carriers: dict[int, list[int]] = {}
        for node in self._nodes.shown(self._root):
            mesh = fields.index(self._nodes.plain[node], "mesh", len(self._meshes), "mesh")
            if mesh is not None:
                carriers.setdefault(mesh, []).append(node)
        drive = plan(self._root, self._meshes, carriers, self._vrm)
        if not drive.found and not drive.expressions:
            text = (
                "no shape key has an ARKit name (jawOpen, eyeBlinkLeft, ...) and there are no VRM expressions: add them"
            )
            raise InputError("avatar-no-morphs", text)
        baked = self._bake_all(carriers, drive)
        if not baked:
            raise InputError("avatar-empty", "the file shows no triangles: export the model with its meshes")
        if not any(part.rows for part in baked):
            raise InputError("avatar-no-morphs", "the shape keys move nothing: export the model with its shape keys")
        return self._finish(baked, drive)

    def _bake_all(self, carriers: dict[int, list[int]], drive: Drive) -> list[Baked]:
        baker = Baker(self._root, self._accessors, self._nodes, self._nodes.groups(self._bones))
        baked, primitives = [], 0
        for number, nodes in carriers.items():
            for primitive in fields.objects(self._meshes[number], "primitives", MAX_PRIMITIVES):
                primitives += len(nodes)
                if primitives > MAX_PRIMITIVES:
                    raise InputError("avatar-too-complex", f"more than {MAX_PRIMITIVES} pieces: merge the meshes")
                baked += self._bake(baker, primitive, nodes, drive)
            self._accessors.forget()
        return baked

    def _bake(self, baker: Baker, primitive: Json, nodes: list[int], drive: Drive) -> list[Baked]:
        for name in fields.mapping(primitive, "extensions"):
            if name in _COMPRESSED:
                raise _compressed(name)
        wanted = sorted({morph for node, morph in drive.rows if node in nodes})
        material = self._materials.index(primitive)
        surface = read_surface(self._accessors, primitive, wanted, self._materials.layers(material))
        if surface is None:
            return []
        self._vertices += len(nodes) * len(surface.positions)
        self._triangles += len(nodes) * len(surface.faces)
        if self._triangles > MAX_TRIANGLES or self._vertices > MAX_VERTICES:
            raise too_many(self._triangles)
        slot = self._materials.slot(material)
        baked = []
        for node in nodes:
            deltas = surface.deltas
            surface.deltas = {morph: delta for morph, delta in deltas.items() if (node, morph) in drive.rows}
            baked.append(baker.bake(surface, node, slot, {morph: drive.rows[node, morph] for morph in surface.deltas}))
            surface.deltas = deltas
        return baked

    # --- the last steps ---------------------------------------------------------------------------------------------

    def _finish(self, baked: list[Baked], drive: Drive) -> Avatar:
        matrix = drive.matrix()
        used = _carry(baked, set(map(BONES.index, self._bones)))
        places = {column: self._nodes.world[self._bones[BONES[column]]][:3, 3] for column in used}
        placing = frame(baked, places, _lids(baked, matrix), _faces_back(self._vrm))
        turns = _eye_turns(baked, matrix, used)
        return Avatar(
            tuple(self._part(piece, placing) for piece in baked),
            tuple(self._materials.taken),
            self._images.taken(),
            matrix,
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
        # Toon surfaces are drawn with smooth normals of their own making, which folds would spoil.
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
        if not any(turns) and not any(name in drive.found for names in _LOOKS.values() for name in names):
            warnings.append("neither eye bones nor eyeLook shape keys: the eyes do not follow the gaze")
        asset = fields.mapping(self._root, "asset")
        return Report(
            self._vrm.kind,
            self._vrm.name or next((name for name in map(str, self._nodes.names) if name), ""),
            self._vrm.author or fields.text(asset, "copyright"),
            drive.found,
            tuple(name for name in ARKIT if name not in drive.found),
            drive.expressions,
            tuple(BONES[column] for column in used),
            self._triangles,
            tuple(warnings),
        )


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


def _lids(baked: list[Baked], matrix: NDArray) -> dict[str, list[tuple[int, int]]]:
    """Side -> (part, row of its moves) of what blinks there."""
    lids: dict[str, list[tuple[int, int]]] = {"Left": [], "Right": []}
    for side, found in lids.items():
        for i, piece in enumerate(baked):
            found += [(i, k) for k, row in enumerate(piece.rows) if matrix[row, INDEX[f"eyeBlink{side}"]] > 0]
    return lids


def _eye_turns(baked: list[Baked], matrix: NDArray, used: list[int]) -> tuple[bool, bool]:
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
