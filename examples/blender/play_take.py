"""Plays a take on a head in Blender: keys on its shape keys, and on the rotation of its bone, or its own.

Import head.glb, select the head, open this file in the Scripting workspace, say below where the take is, and press Run.
A take is an .npz of `face3d-live track VIDEO -o take.npz` or of `face3d-live takes export TAKE -o take.npz`. Any mesh
with shape keys of the ARKit names will do. Blender 3.6 and newer; nothing has to be installed.
"""

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

TAKE = "//take.npz"  # two slashes: beside the .blend file
TURN_THE_HEAD = True


def play(head, path, turn_the_head=True):
    """Keys for every picture of the take in which a face was seen; returns the last frame's number."""
    with np.load(bpy.path.abspath(path)) as take:
        seen = take["detected"].astype(bool)
        seconds = take["t"] if "t" in take else np.arange(len(seen)) / float(take["fps"])
        names = [str(name) for name in take["expression_names"]]
        expression, rotation = take["expression"], take["rotation"]
    scene = bpy.context.scene
    frames = 1 + (seconds - seconds[0]) * scene.render.fps / scene.render.fps_base
    keys = head.data.shape_keys.key_blocks
    for i, name in enumerate(names):
        if name in keys:  # matched by name, never by number
            for frame, value in zip(frames[seen], expression[seen, i], strict=True):
                keys[name].value = float(value)
                keys[name].keyframe_insert("value", frame=float(frame))
    if turn_the_head:
        bone, rest = turning(head)
        bone.rotation_mode = "QUATERNION"
        before = None
        for frame, matrix in zip(frames[seen], rotation[seen], strict=True):
            turned = rest.inverted() @ blender_axes(matrix) @ rest
            if before is not None:
                turned.make_compatible(before)  # the shorter way round
            bone.rotation_quaternion = before = turned
            bone.keyframe_insert("rotation_quaternion", frame=float(frame))
    scene.frame_end = max(scene.frame_end, int(np.ceil(frames[-1])))
    return scene.frame_end


def turning(head):
    """The bone called head of the head's armature, and how it lies there; without one the head itself."""
    armature = head.find_armature()
    if armature is None or "head" not in armature.pose.bones:
        return head, Quaternion()
    bone = armature.pose.bones["head"]
    return bone, bone.bone.matrix_local.to_quaternion()


def blender_axes(matrix):
    """A rotation (3, 3) of a head that faces +z, y up, as Blender's quaternion of one that faces -y, z up."""
    swap = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
    return (swap @ Matrix(np.asarray(matrix, float).tolist()) @ swap.transposed()).to_quaternion()


if __name__ == "__main__":
    play(bpy.context.object, TAKE, TURN_THE_HEAD)
