"""A plain software picture of a textured head, for tests of the texture room."""

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.lighting import shade, to_linear, to_srgb
from face3d_live.raster import rasterize
from face3d_live.rotations import from_euler

BACKGROUND = (30, 60, 200)


def posed(yaw=0.0, pitch=0.0, distance=0.55, **codes):
    return HeadCodes(rotation=from_euler(yaw, pitch, 0), translation=np.array([0, 0, -distance]), **codes)


def picture_of(head: Head, codes: HeadCodes, camera: Camera, texture) -> np.ndarray:
    """(H, W, 3) uint8: matt skin with a texture (S, S, 3) uint8, in the light of the codes, on blue."""
    mesh = head.topology("medium")
    vertices = mesh.refine(head.vertices(codes.shape, codes.expression))
    space = vertices @ codes.rotation.T + codes.translation
    light = shade(codes.light, mesh.normals(vertices) @ codes.rotation.T)
    cover = rasterize(camera.project(space), mesh.faces, camera.width, camera.height, -1 / space[:, 2])
    uv = (mesh.uv[mesh.face_uv[cover.triangle]] * cover.weights[..., None]).sum(-2)
    lit = (light[mesh.faces[cover.triangle]] * cover.weights[..., None]).sum(-2)
    size = len(texture)
    column, row = np.clip(np.moveaxis(uv * [size, -size] + [0, size], -1, 0).astype(int), 0, size - 1)
    colour = to_srgb(to_linear(texture[row, column] / 255) * lit) * 255 + 0.5
    return np.where(cover.triangle[..., None] >= 0, colour, BACKGROUND).astype(np.uint8)


def mottled(size=256, seed=0, base=(190, 140, 115)):
    """A skin-coloured texture with soft blotches, the same on both sides."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(0, 1, size)
    u, v = np.meshgrid(np.abs(axis - 0.5), axis)
    waves = sum(
        np.sin(2 * np.pi * (fu * u + fv * v + phase))
        for fu, fv, phase in zip(rng.uniform(2, 8, 5), rng.uniform(2, 8, 5), rng.uniform(0, 1, 5), strict=True)
    )
    return np.clip(np.array(base) + 9 * waves[..., None], 0, 255).astype(np.uint8)
