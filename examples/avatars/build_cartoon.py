"""A cartoon fox's bust, made of formulas: `cartoon.glb`, an avatar to try and a model of how yours may be built.

    python examples/avatars/build_cartoon.py [glb|vrm0|vrm1] [FILE]

One mesh with morph targets that bear ARKit's names, a skeleton with neck, head and eyes, a painted texture. `vrm0` and
`vrm1` write the same fox with VRM's expressions. Metres, y up; CC0: do what you like with it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
from fox_form import (
    HEAD_JOINT,
    NECK_JOINT,
    SPINE_JOINT,
    Piece,
    blush,
    brow,
    bust,
    ear,
    eye,
    eye_centre,
    head,
    lids,
    nose,
)  # fmt: skip
from fox_mouth import mouth
from fox_pictures import blush_picture, fur_picture, iris_picture, jpeg, png

from face3d_live.export.gltf import Buffer

Kind = Literal["glb", "vrm0", "vrm1"]

LEAST_MOVE = 2e-4  # metres; what a target moves less stays

TARGETS = (
    *(f"{stem}{side}" for stem in ("eyeBlink", "eyeWide", "eyeSquint", "eyeLookUp", "eyeLookDown", "mouthSmile",
      "mouthFrown", "mouthStretch", "mouthDimple", "mouthUpperUp", "mouthLowerDown", "browDown", "browOuterUp",
      "cheekSquint", "noseSneer") for side in ("Left", "Right")),
    "jawOpen", "jawForward", "jawLeft", "jawRight", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft",
    "mouthRight", "mouthShrugLower", "browInnerUp", "cheekPuff", "tongueOut",
)  # fmt: skip


def normals(p: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Smooth across vertices at the same place, so that seams do not show."""
    across = np.cross(p[faces[:, 1]] - p[faces[:, 0]], p[faces[:, 2]] - p[faces[:, 0]])
    _, same = np.unique(p.round(7), axis=0, return_inverse=True)
    total = np.zeros((same.max() + 1, 3))
    for corner in range(3):
        np.add.at(total, same.ravel()[faces[:, corner]], across)
    n = total[same.ravel()]
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)


def primitive(
    buffer: Buffer, pieces: list[Piece], targets: tuple[str, ...], origin: np.ndarray, flip: np.ndarray
) -> dict:
    """One material's pieces as a primitive. origin: of the node that carries it; flip (3,): the file's axes."""
    counts = np.cumsum([0, *(len(piece.uv) for piece in pieces)])
    faces = np.concatenate([piece.faces + start for piece, start in zip(pieces, counts, strict=False)])
    rest = np.concatenate([piece.points({}) for piece in pieces])
    n = np.concatenate([normals(piece.points({}), piece.faces) for piece in pieces])
    made: dict[str, Any] = {
        "attributes": {
            "POSITION": buffer.add_floats((rest - origin) * flip, bounds=True),
            "NORMAL": buffer.add_floats(n * flip),
            "TEXCOORD_0": buffer.add_floats(np.concatenate([piece.uv for piece in pieces])),
        },
        "indices": buffer.add_indices(faces),
        "material": pieces[0].material,
    }
    if targets:
        moved = [np.concatenate([piece.points({name: 1.0}) for piece in pieces]) - rest for name in targets]
        still = buffer.add_offsets(0 * rest, LEAST_MOVE, bounds=True)  # shared by all targets that move nothing here
        made["targets"] = [
            {
                "POSITION": buffer.add_offsets(move * flip, LEAST_MOVE, bounds=True)
                if np.abs(move).max() > LEAST_MOVE
                else still
            }
            for move in moved
        ]
    return made


def skin(buffer: Buffer, p: np.ndarray, flip: np.ndarray) -> dict[str, int]:
    """Joints and weights of the bust: spine, neck, head."""
    up = np.clip((p[:, 1] + 0.135) / 0.05, 0, 1)
    weights = np.column_stack([1 - np.clip(2 * up, 0, 1), np.clip(2 * up, 0, 1) - np.clip(2 * up - 1, 0, 1),
                               np.clip(2 * up - 1, 0, 1), 0 * up])  # fmt: skip
    joints = np.tile(np.array([0, 1, 2, 0], np.uint8), (len(p), 1))
    buffer.accessors.append(
        {"bufferView": buffer.add_bytes(joints.tobytes()), "componentType": 5121, "count": len(p), "type": "VEC4"}
    )
    return {"JOINTS_0": len(buffer.accessors) - 1, "WEIGHTS_0": buffer.add_floats(weights)}


def build(kind: Kind = "glb") -> bytes:
    """The file's bytes."""
    buffer = Buffer()
    flip = np.array([-1.0, 1.0, -1.0]) if kind == "vrm0" else np.ones(3)  # VRM 0 looks along -z
    face = [head(), *ear(1), *ear(-1), *lids(1), *lids(-1), brow(1), brow(-1), *mouth(), nose()]
    both = [blush(1), blush(-1)]
    body = bust()
    shoulders = primitive(buffer, [body], (), np.zeros(3), flip)
    shoulders["attributes"] |= skin(buffer, body.points({}), flip)
    names = TARGETS if kind != "vrm0" else tuple(f"shape_{i:02}" for i in range(len(TARGETS)))
    extras = {"targetNames": list(names)}
    face_primitives = [primitive(buffer, pieces, TARGETS, HEAD_JOINT, flip) for pieces in (face, both)]
    meshes: list[dict[str, Any]] = [
        {"name": "face", "primitives": face_primitives, "extras": extras},
        {"name": "bust", "primitives": [shoulders]},
    ]
    nodes: list[dict[str, Any]] = [
        {"name": "fox", "children": [1, 7]},
        {"name": "spine", "translation": (SPINE_JOINT * flip).tolist(), "children": [2]},
        {"name": "neck", "translation": ((NECK_JOINT - SPINE_JOINT) * flip).tolist(), "children": [3]},
        {"name": "head", "translation": ((HEAD_JOINT - NECK_JOINT) * flip).tolist(), "children": [4, 5, 6]},
        {"name": "face", "mesh": 0},
    ]
    for name, side in (("LeftEye", 1), ("RightEye", -1)):
        centre = eye_centre(side)
        parts = [primitive(buffer, [piece], (), centre, flip) for piece in eye(side)]
        nodes.append({"name": name, "mesh": len(meshes), "translation": ((centre - HEAD_JOINT) * flip).tolist()})
        meshes.append({"name": name, "primitives": parts})
    nodes.append({"name": "bust", "mesh": 1, "skin": 0})
    inverse = np.stack([np.eye(4)] * 3)
    inverse[:, 3, :3] = -np.stack([SPINE_JOINT, NECK_JOINT, HEAD_JOINT]) * flip  # columns first
    buffer.accessors.append({"bufferView": buffer.add_bytes(inverse.astype("<f4").tobytes()), "componentType": 5126,
                             "count": 3, "type": "MAT4"})  # fmt: skip
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "build_cartoon.py", "copyright": "CC0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": meshes,
        "skins": [{"joints": [1, 2, 3], "inverseBindMatrices": len(buffer.accessors) - 1}],
    }
    document |= looks(buffer, kind)
    if kind != "glb":
        document |= vrm(kind)
    return buffer.glb(document)


def looks(buffer: Buffer, kind: Kind) -> dict[str, Any]:
    """Materials, textures, images."""
    pictures = (
        (jpeg(fur_picture()), "image/jpeg"),
        (png(iris_picture()), "image/png"),
        (png(blush_picture()), "image/png"),
    )
    views = [{"bufferView": buffer.add_bytes(data), "mimeType": mime} for data, mime in pictures]
    materials: list[dict[str, Any]] = []
    for i, name in enumerate(("fur", "iris", "blush")):
        rough = {"metallicFactor": 0.0, "roughnessFactor": 0.8, "baseColorTexture": {"index": i}}
        materials.append({"name": name, "pbrMetallicRoughness": rough, "doubleSided": name == "fur"})
    materials[1]["extensions"] = {"KHR_materials_unlit": {}}
    materials[2]["alphaMode"] = "BLEND"
    used = ["KHR_materials_unlit"]
    if kind == "vrm1":
        shade = {"shadeColorFactor": [0.72, 0.52, 0.5], "specVersion": "1.0"}
        materials[0]["extensions"] = {"VRMC_materials_mtoon": shade}
        used += ["VRMC_vrm", "VRMC_materials_mtoon"]
    if kind == "vrm0":
        used.append("VRM")
    textures = [{"source": i} for i in range(3)]
    return {"materials": materials, "textures": textures, "images": views, "extensionsUsed": used}


#: VRM's presets as mixtures of the fox's targets.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "aa": {"jawOpen": 1}, "ih": {"jawOpen": 0.25, "mouthStretchLeft": 0.7, "mouthStretchRight": 0.7},
    "ou": {"jawOpen": 0.25, "mouthPucker": 1}, "ee": {"jawOpen": 0.45, "mouthStretchLeft": 1, "mouthStretchRight": 1},
    "oh": {"jawOpen": 0.7, "mouthFunnel": 0.8}, "blinkLeft": {"eyeBlinkLeft": 1}, "blinkRight": {"eyeBlinkRight": 1},
    "blink": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "happy": {"mouthSmileLeft": 1, "mouthSmileRight": 1, "browInnerUp": 0.3},
    "angry": {"browDownLeft": 1, "browDownRight": 1, "mouthFrownLeft": 0.5, "mouthFrownRight": 0.5},
    "sad": {"browInnerUp": 1, "mouthFrownLeft": 1, "mouthFrownRight": 1},
    "relaxed": {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6},
    "surprised": {"browInnerUp": 1, "eyeWideLeft": 1, "eyeWideRight": 1, "jawOpen": 0.4},
}  # fmt: skip
_OLD_NAMES = {"aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "blinkLeft": "blink_l", "blinkRight": "blink_r",
              "blink": "blink", "happy": "joy", "angry": "angry", "sad": "sorrow", "relaxed": "fun"}  # fmt: skip
_BONES = {"hips": 0, "spine": 1, "neck": 2, "head": 3, "leftEye": 5, "rightEye": 6}


def vrm(kind: Kind) -> dict[str, Any]:
    """VRM 0 with presets alone, VRM 1 with presets and all ARKit names as custom expressions ("perfect sync")."""
    ranges = {"HorizontalInner": 12.0, "HorizontalOuter": 14.0, "VerticalUp": 10.0, "VerticalDown": 10.0}
    if kind == "vrm1":

        def expression(mixture: dict[str, float]) -> dict[str, Any]:
            binds = [{"node": 4, "index": TARGETS.index(name), "weight": w} for name, w in mixture.items()]
            return {"morphTargetBinds": binds}

        extension = {
            "specVersion": "1.0",
            "meta": {
                "name": "Fox",
                "authors": ["Face3D Live"],
                "licenseUrl": "https://creativecommons.org/publicdomain/zero/1.0/",
            },
            "humanoid": {"humanBones": {name: {"node": node} for name, node in _BONES.items()}},
            "lookAt": {"type": "bone"}
            | {f"rangeMap{k}": {"inputMaxValue": 90.0, "outputScale": v} for k, v in ranges.items()},
            "expressions": {
                "preset": {name: expression(mixture) for name, mixture in EXPRESSIONS.items()},
                "custom": {name[0].upper() + name[1:]: expression({name: 1}) for name in TARGETS},
            },
        }
        return {"extensions": {"VRMC_vrm": extension}}
    groups = []
    for name, mixture in EXPRESSIONS.items():
        binds = [{"mesh": 0, "index": TARGETS.index(target), "weight": 100 * w} for target, w in mixture.items()]
        old = _OLD_NAMES.get(name, "unknown")
        groups.append({"name": name.capitalize(), "presetName": old, "binds": binds})
    old_materials = [{"name": "fur", "shader": "VRM/MToon", "renderQueue": 2000,
                      "vectorProperties": {"_ShadeColor": [0.86, 0.72, 0.72, 1]}}]  # fmt: skip
    extension = {
        "specVersion": "0.0",
        "meta": {"title": "Fox", "author": "Face3D Live", "licenseName": "CC0"},
        "humanoid": {"humanBones": [{"bone": name, "node": node} for name, node in _BONES.items()]},
        "firstPerson": {f"lookAt{k}": {"xRange": 90.0, "yRange": v} for k, v in ranges.items()},
        "blendShapeMaster": {"blendShapeGroups": groups},
        "materialProperties": old_materials,
    }
    return {"extensions": {"VRM": extension}}


if __name__ == "__main__":
    wanted: Any = sys.argv[1] if len(sys.argv) > 1 else "glb"
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("cartoon.glb")
    path.write_bytes(build(wanted))
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
