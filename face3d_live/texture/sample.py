"""From a frame and its codes to a partial albedo texture, without OpenGL.

Each texel looks up the pixel that shows its place on the head, unless something nearer covers it (a depth buffer of the
head itself) or it is seen at a grazing angle; then the light of the codes is divided out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.lighting import shade, to_linear, to_srgb
from face3d_live.raster import rasterize
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import AnyArray, Array, Mask

_DEPTH_SIDE = 224  # cells of the depth buffer along the head's longer side: about a millimetre each
_TOLERANCE = 0.006  # metres behind the buffer that still count as seen: a cell's slope, and the fit's error
_GRAZING, _FULL = 0.15, 0.65  # cosine between normal and view where the weight starts, and where it is one
DARKEST = 0.3  # least shading to divide by: below it noise and misplaced shadows would be blown up


@dataclass(frozen=True)
class TexelView:
    """The head of one frame at its texels. pixel: (N, 2) frame pixels; weight: (N,) 0..1, zero where not seen; normals:
    (N, 3) camera axes, of about unit length."""

    pixel: Array
    weight: Array
    normals: Array


@dataclass(frozen=True)
class DepthBuffer:
    """A surface seen from the camera. front: (h, w) 1 / metres of the nearest point in each cell, 0 for none; corner:
    (2,) pixels of the first cell's; cells: cells a pixel."""

    front: Array
    corner: Array
    cells: float

    @classmethod
    def of(cls, space: Array, faces: AnyArray, camera: Camera) -> DepthBuffer:  # (V, 3) camera axes, (F, 3)
        """Rasterize a surface with `_DEPTH_SIDE` cells along its longer side."""
        projected = camera.project(space)
        low, high = projected.min(0), projected.max(0)
        cells = _DEPTH_SIDE / max(float((high - low).max()), 1e-6)
        width, height = (np.ceil((high - low) * cells).astype(int) + 1).tolist()
        inverse = 1 / np.maximum(-space[:, 2], 1e-3)
        cells_at = (projected - low) * cells
        a, b, c = (cells_at[faces[:, k]] for k in range(3))
        front_facing = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) < (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])  # y: down
        faces = faces[front_facing]  # what turns its back lies behind something that does not
        cover = rasterize(cells_at, faces, width, height, inverse)
        front = (inverse[faces[cover.triangle]] * cover.weights).sum(-1)
        front[cover.triangle < 0] = 0
        return cls(front, low, cells)

    def hides(self, pixel: Array, near: Array) -> Mask:  # (N, 2), (N,) = 1 / depth -> (N,)
        """Which points lie behind the surface."""
        height, width = self.front.shape
        column, row = np.clip((pixel - self.corner) * self.cells, 0, [width - 1, height - 1]).astype(int).T
        return np.asarray(1 / near > 1 / np.maximum(self.front[row, column], 1e-6) + _TOLERANCE)


@dataclass(frozen=True)
class PosedHead:
    """The head of one frame before its camera, by `pose_head`: whoever reads texels of the frame shares it.

    columns: (U, 7) of each vertex at `texels.LEVEL`: pixel, cosine between normal and view, 1 / depth, normal in camera
    axes. depth: of the low level's surface.
    """

    codes: HeadCodes
    camera: Camera
    head: Head
    columns: Array
    depth: DepthBuffer

    def lit(self, light: Array) -> PosedHead:  # (27,)
        """The same in another light."""
        return replace(self, codes=self.codes.with_(light=light))

    def view(self, texels: Texels, part: int = 0) -> TexelView:
        """Where the frame shows the texels, with a weight of visibility; those of other parts than `part` (0 skin) get
        0."""
        wanted = (self.head.topology(LEVEL).part == part).astype(np.float32)
        at = texels.at(np.concatenate([self.columns, wanted[:, None]], 1))
        pixel, facing, near, wanted = at[:, :2], at[:, 2], at[:, 3], at[:, 7]
        weight = np.clip((facing - _GRAZING) / (_FULL - _GRAZING), 0, 1) ** 2
        x, y = pixel.T
        weight[(wanted < 0.999) | (x < 0) | (y < 0) | (x >= self.camera.width) | (y >= self.camera.height)] = 0
        seen = np.flatnonzero(weight > 0)
        weight[seen[self.depth.hides(pixel[seen], near[seen])]] = 0
        return TexelView(pixel, weight, at[:, 4:7])


def pose_head(codes: HeadCodes, camera: Camera, head: Head) -> PosedHead:
    """The head of these codes before the camera."""
    mesh = head.topology(LEVEL)
    low = head.vertices(codes.shape, codes.expression)
    vertices = mesh.refine(low)
    space = vertices @ codes.rotation.T + codes.translation
    normals = mesh.normals(vertices) @ codes.rotation.T
    facing = -(normals * space).sum(1) / np.maximum(np.linalg.norm(space, axis=1), 1e-6)
    near = 1 / np.maximum(-space[:, 2], 1e-3)
    columns = np.concatenate([camera.project(space), facing[:, None], near[:, None], normals], 1)
    depth = DepthBuffer.of(low @ codes.rotation.T + codes.translation, head.faces, camera)
    return PosedHead(codes, camera, head, columns, depth)


def sample_pixels(
    frame_rgb: NDArray[np.uint8], pixel: Array, texels_per_pixel: float, between: int = cv2.INTER_LINEAR
) -> Array:  # -> (N, 3) 0..1
    """Colours at pixels. A frame much finer than the texture is averaged first, so that no pixel is skipped.

    between: OpenCV's way of reading between pixels.
    """
    shrink = float(np.clip(texels_per_pixel * 1.25, 0.05, 1))
    source, where = frame_rgb, pixel
    if shrink < 0.8:
        source = np.asarray(cv2.resize(frame_rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
        where = pixel * (source.shape[1] / frame_rgb.shape[1], source.shape[0] / frame_rgb.shape[0])
    where = np.ascontiguousarray(where - 0.5, np.float32)
    row = 4096  # cv2.remap wants maps narrower than 32,768
    padded = np.zeros((max(-(-len(where) // row), 1) * row, 2), np.float32)
    padded[: len(where)] = where
    maps = padded.reshape(-1, row, 2)
    colours = cv2.remap(source, maps[..., 0], maps[..., 1], between, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray((colours.reshape(-1, 3)[: len(where)] / np.float32(255)).astype(np.float32))


def density(view: TexelView) -> float:
    """Texels per frame pixel, along a line, where the weight is high."""
    best = view.pixel[view.weight > 0.5][::16]
    if len(best) < 16:
        return 1.0
    low, high = np.percentile(best, [5, 95], axis=0)
    extent = float(np.prod(np.maximum(high - low, 1)))
    return float(np.sqrt(16 * len(best) / extent))


def sample_texture(
    frame_rgb: NDArray[np.uint8], codes: HeadCodes, camera: Camera, head: Head, size: int
) -> tuple[NDArray[np.uint8], Array]:
    """The albedo that one frame (H, W, 3) shows: (S, S, 3) sRGB and its weight (S, S), 0 where nothing was seen."""
    texels = texels_of(head, size)
    view = pose_head(codes, camera, head).view(texels)
    colour = to_linear(sample_pixels(frame_rgb, view.pixel, density(view)))
    albedo = as_picture(without_light(colour, view, codes.light), view)
    return texels.image(albedo, pad=False), texels.image(view.weight, pad=False)


def without_light(colour: Array, view: TexelView, light: Array) -> Array:  # (N, 3) linear -> (N, 3) linear
    """The skin's own colour: the light divided out."""
    return np.asarray(colour / np.maximum(shade(light, view.normals), DARKEST), np.float32)


def as_picture(linear: Array, view: TexelView) -> NDArray[np.uint8]:  # (N, 3) -> (N, 3) sRGB
    """Albedo as picture values, black where nothing was seen."""
    albedo = (to_srgb(linear) * 255 + 0.5).astype(np.uint8)
    return np.asarray(cv2.copyTo(albedo[:, None], (view.weight > 0).astype(np.uint8)[:, None]))[:, 0]
