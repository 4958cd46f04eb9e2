"""Lets bones drive a head's shape keys in Blender: those of a Rigify face rig, or of any other.

Select the head, then the rig (shift-click, so that the rig is the active one), and press Run. Change DRIVERS to your
rig: bone, what of it is read, how far it goes (radians or metres of your rig's scale), and the shape keys.
"""

import bpy

#: (bone, channel, its value at which the shape key is at 1, shape keys). The bones are those of Rigify's face rig; the
#: distances suit a head of human size in metres.
DRIVERS = (
    ("jaw_master", "ROT_X", 0.35, ["jawOpen"]),
    ("lips.L", "LOC_Y", 0.015, ["mouthSmileLeft"]),
    ("lips.R", "LOC_Y", 0.015, ["mouthSmileRight"]),
    ("lips.L", "LOC_Y", -0.015, ["mouthFrownLeft"]),
    ("lips.R", "LOC_Y", -0.015, ["mouthFrownRight"]),
    ("brow.T.L.002", "LOC_Y", 0.012, ["browOuterUpLeft"]),
    ("brow.T.R.002", "LOC_Y", 0.012, ["browOuterUpRight"]),
    ("lid.T.L.002", "LOC_Y", -0.010, ["eyeBlinkLeft"]),
    ("lid.T.R.002", "LOC_Y", -0.010, ["eyeBlinkRight"]),
)


def connect(head, rig, drivers=DRIVERS):
    """A driver for every shape key that is named and whose bone the rig has; returns how many."""
    made = 0
    for bone, channel, full, names in drivers:
        if bone not in rig.pose.bones:
            print(f"the rig has no bone {bone}")
            continue
        for name in names:
            key = head.data.shape_keys.key_blocks[name]
            key.driver_remove("value")
            driver = key.driver_add("value").driver
            variable = driver.variables.new()
            variable.name, variable.type = "moved", "TRANSFORMS"
            target = variable.targets[0]
            target.id, target.bone_target = rig, bone
            target.transform_type, target.transform_space = channel, "LOCAL_SPACE"
            driver.expression = f"min(max(moved / {full}, 0), 1)"
            made += 1
    return made


if __name__ == "__main__":
    rig = bpy.context.object
    connect(next(selected for selected in bpy.context.selected_objects if selected.type == "MESH"), rig)
