"""Morph targets of a mesh: their names, and their weights in the file. Source: glTF 2.0, sections 3.7.2.2 and 3.7.1."""

from __future__ import annotations

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.fields import Json, broken

MAX_TARGETS = 3000
#: Nobody turns a shape key farther than this.
_MAX_WEIGHT = 1000.0


def target_names(root: Json, mesh: Json) -> list[str]:
    """Names of a mesh's targets, wherever its exporter put them; "" where there is none."""
    primitives = fields.objects(mesh, "primitives", 10_000)
    accessors = root.get("accessors", [])
    for holder in (mesh, *primitives):
        # Extras are free-form: anything unexpected is ignored.
        extras = holder.get("extras")
        names = extras.get("targetNames") if isinstance(extras, dict) else None
        if isinstance(names, list) and names:
            return [name[:200] if isinstance(name, str) else "" for name in names[:MAX_TARGETS]]
    found = []
    for target in fields.objects(primitives[0], "targets", MAX_TARGETS) if primitives else []:
        number = fields.index(target, "POSITION", len(accessors), "accessor")
        found.append(fields.text(accessors[number], "name") if number is not None else "")
    return found


def default_weights(mesh: Json, node: Json) -> dict[int, float]:
    """Target -> its weight where nothing drives it, of those that are on. A node's weights replace its mesh's."""
    for holder in (node, mesh):
        weights = fields.listed(holder, "weights", MAX_TARGETS)
        if weights:
            break
    found = {}
    for number in range(len(weights)):
        weight = fields.number({"weight": weights[number]}, "weight", 0.0)
        if abs(weight) > _MAX_WEIGHT:
            raise broken(f"a shape key's weight is {weight:g}")
        if weight:
            found[number] = weight
    return found


def holds_a_pose(root: Json) -> bool:
    """Whether the default weights of what is driven are a pose and no rest: `head.glb` of this project opens with the
    expression of its photo, and its shape keys are ARKit's own, which are 0 at rest."""
    return fields.text(fields.mapping(root, "asset"), "generator").startswith("face3d-live")
