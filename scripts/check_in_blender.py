"""Opens what `face3d-live reconstruct` wrote in Blender, checks it, and draws both heads side by side.

Blender is not among the project's dependencies; give it an environment of its own (Python 3.11):

    python3.11 -m venv blender && blender/bin/pip install bpy==5.0.1
    blender/bin/python scripts/check_in_blender.py FOLDER PICTURE.png

Left: head.glb (smiling, the jaw half open). Right: mesh.obj.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy

UV_MAP, TARGETS, SPOKEN = "UVMap", 52, {"jawOpen": 0.5, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}
MATERIALS, BONES = ["skin", "eyes", "teeth", "tongue", "mouth", "lashes"], {"neck", "head", "leftEye", "rightEye"}


def imported(load: object, path: Path) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A file's head, the largest mesh, and what it is moved by: its armature or itself. Hair goes along."""
    before = set(bpy.data.objects)
    load(filepath=str(path))
    new = set(bpy.data.objects) - before
    meshes = sorted((thing for thing in new if thing.type == "MESH"), key=lambda thing: -len(thing.data.vertices))
    head, root = meshes[0], next((thing for thing in new if thing.type == "ARMATURE"), meshes[0])
    for other in meshes[1:]:
        if other.parent is None:
            other.parent, other.matrix_parent_inverse = root, root.matrix_world.inverted()
    return head, root


def check(thing: bpy.types.Object, targets: int) -> None:
    """Raises AssertionError where the file is not what it should be."""
    mesh = thing.data
    assert [layer.name for layer in mesh.uv_layers] == [UV_MAP], [layer.name for layer in mesh.uv_layers]
    images = [node.image for node in mesh.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"]
    assert images and all(image.size[0] > 0 for image in images), "no image in the material"
    keys = mesh.shape_keys.key_blocks if mesh.shape_keys else []
    assert max(len(keys) - 1, 0) == targets, f"{len(keys)} shape keys"
    print(
        f"{thing.name}: {len(mesh.vertices)} vertices, {UV_MAP}, {[tuple(i.size) for i in images]}, {targets} targets"
    )


def draw(path: Path) -> None:
    """Two heads from the front, lit from the upper left, on one thread."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location, camera.rotation_euler, camera.data.lens = (0, -1, -0.02), (math.pi / 2, 0, 0), 62
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "AREA"))
    lamp.location, lamp.rotation_euler, lamp.data.energy, lamp.data.size = (-0.6, -0.8, 0.6), (0.95, 0, -0.6), 10, 0.4
    scene.world = bpy.data.worlds.new("world")
    scene.world.color = (0.5, 0.5, 0.55)
    for thing in (camera, lamp):
        scene.collection.objects.link(thing)
    scene.camera = camera
    scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 16, "CPU"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x, scene.render.resolution_y = 512, 320
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)


def main(folder: Path, picture: Path) -> None:
    """Check and draw."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    moving, armature = imported(bpy.ops.import_scene.gltf, folder / "head.glb")
    still, beside = imported(bpy.ops.wm.obj_import, folder / "mesh.obj")
    check(moving, TARGETS)
    check(still, 0)
    assert [material.name for material in moving.data.materials] == MATERIALS, moving.data.materials.keys()
    assert {bone.name for bone in armature.data.bones} == BONES, armature.data.bones.keys()
    for key in moving.data.shape_keys.key_blocks[1:]:
        key.value = SPOKEN.get(key.name, 0.0)
    armature.location.x, beside.location.x = -0.12, 0.12
    draw(picture)


if __name__ == "__main__":
    main(Path(sys.argv[-2]), Path(sys.argv[-1]))
