"""OpenGL without a window: a context, programs from `shaders/`, meshes whose vertices move, a picture to draw into.

A context belongs to the thread and the process that made it: make it after a fork, never before, and use it from one
thread. Whatever touches OpenGL runs inside `with ctx:`, so that several contexts live together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any, Protocol

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError, GpuLostError
from face3d_live.paths import SHADERS
from face3d_live.typing import AnyArray

_CURE = "OpenGL without a window (EGL) is not available. Install it: sudo apt-get install libegl1 libgl1"


class Releasable(Protocol):
    """An OpenGL object that has to be released."""

    def release(self) -> None: ...


_INCLUDE = re.compile(r'^#include "([\w./]+)"$', re.MULTILINE)


#: Two colours; a pixel that has the one by chance has not the other.
_MARKS = (165, 90, 165, 90), (90, 165, 90, 165)


def create_context() -> moderngl.Context:
    """An OpenGL 3.3 context on EGL: a GPU where there is one, else Mesa's llvmpipe.

    The libraries are named explicitly: glcontext's own search needs gcc or ldconfig on the PATH.
    Raises AssetError "egl-missing".
    """
    settings: dict[str, Any] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
    try:
        return moderngl.create_context(require=330, standalone=True, **settings)
    except Exception as error:  # moderngl and glcontext raise bare Exception for every cause
        raise AssetError("egl-missing", f"{_CURE} ({error})") from error


@cache
def shader_source(name: str) -> str:
    """A file of `shaders/` with its `#include "other.glsl"` lines filled in. Raises AssetError "shader-missing"."""
    path = SHADERS / name
    if not path.is_file():
        raise AssetError("shader-missing", f"{path} is missing: install face3d-live again, or restore the checkout")
    return _INCLUDE.sub(lambda match: shader_source(match[1]), path.read_text(encoding="utf-8"))


def is_software(ctx: moderngl.Context) -> bool:
    """Whether the CPU draws, and no graphics processor."""
    name = str(ctx.info["GL_RENDERER"]).lower()
    return any(word in name for word in ("llvmpipe", "softpipe", "swrast", "software"))


def load_program(ctx: moderngl.Context, vertex: str, fragment: str) -> moderngl.Program:
    """Compile two files of `shaders/`. A mistake in them raises moderngl.Error with the compiler's log."""
    return ctx.program(vertex_shader=shader_source(vertex), fragment_shader=shader_source(fragment))


def set_uniforms(program: moderngl.Program, values: Mapping[str, object]) -> None:
    """Set uniforms by name. Arrays are written as they lie in memory, so matrices must come transposed (columns first).

    Names the program does not use are skipped: modes share their values, and compilers drop what is not needed.
    """
    for name, value in values.items():
        uniform = program.get(name, None)
        if not isinstance(uniform, moderngl.Uniform):
            continue
        if isinstance(value, np.ndarray):
            uniform.write(np.ascontiguousarray(value, np.float32).data)
        else:
            uniform.value = value


class MovingMesh:
    """Indexed triangles on the GPU with static attributes and attributes that are written every frame.

    The triangles come in named groups over the same vertices, each drawn by the program of its material.
    """

    def __init__(
        self,
        ctx: moderngl.Context,
        groups: Mapping[str, AnyArray],  # name -> (F, 3)
        fixed: Mapping[str, AnyArray],  # name -> (U, k) or (U,)
        moving: Mapping[str, int],  # name -> k
    ) -> None:
        self._ctx = ctx
        self._groups = {name: ctx.buffer(np.ascontiguousarray(faces, np.int32)) for name, faces in groups.items()}
        count = len(next(iter(fixed.values())))
        self._buffers: dict[str, tuple[moderngl.Buffer, int]] = {}
        for name, values in fixed.items():
            columns = np.ascontiguousarray(values, np.float32).reshape(count, -1)
            self._buffers[name] = ctx.buffer(columns), columns.shape[1]
        for name, width in moving.items():
            self._buffers[name] = ctx.buffer(reserve=count * width * 4, dynamic=True), width
        self._arrays: dict[tuple[int, str], moderngl.VertexArray] = {}

    def write(self, name: str, values: AnyArray) -> None:  # (U, k)
        """Replace a moving attribute. The old storage is orphaned, so the driver never waits for the last frame."""
        buffer, _ = self._buffers[name]
        buffer.orphan()
        buffer.write(np.ascontiguousarray(values, np.float32))

    def has(self, group: str) -> bool:
        """Whether there are triangles of this name."""
        return group in self._groups

    def draw(self, program: moderngl.Program, group: str) -> None:
        """Draw a group with the attributes that this program reads."""
        array = self._arrays.get((program.glo, group))
        if array is None:
            content = [(b, f"{k}f", name) for name, (b, k) in self._buffers.items() if name in program]
            array = self._ctx.vertex_array(program, content, self._groups[group])
            self._arrays[program.glo, group] = array
        array.render(moderngl.TRIANGLES)

    def release(self) -> None:
        """Release the buffers."""
        buffers = [buffer for buffer, _ in self._buffers.values()]
        release([*self._arrays.values(), *self._groups.values(), *buffers])


class Target:
    """A picture to draw into: RGBA colour and depth, optionally multisampled, and the way back to numpy."""

    def __init__(self, ctx: moderngl.Context, width: int, height: int, samples: int = 1) -> None:
        self.width, self.height = width, height
        self._ctx = ctx
        size = (width, height)
        colour, depth = ctx.renderbuffer(size, 4), ctx.depth_renderbuffer(size)
        self._plain = self._drawn = ctx.framebuffer([colour], depth)
        self._owned: list[Releasable] = [self._plain, colour, depth]
        if samples > 1:
            many = min(samples, ctx.max_samples)
            colour, depth = ctx.renderbuffer(size, 4, samples=many), ctx.depth_renderbuffer(size, samples=many)
            self._drawn = ctx.framebuffer([colour], depth)
            self._owned += [self._drawn, colour, depth]
        self._bytes = np.empty((height, width, 4), np.uint8)

    @cached_property
    def backdrop(self) -> Backdrop:
        """What `begin_over` begins with."""
        made = Backdrop(self._ctx, self.width, self.height)
        self._owned.append(made)
        return made

    def begin(self, colour: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)) -> None:
        """Bind this target and clear it."""
        self._drawn.use()
        self._drawn.clear(*colour)

    def begin_over(self) -> None:
        """Bind this target and fill it with its backdrop."""
        self._ctx.copy_framebuffer(self._drawn, self.backdrop.framebuffer)
        self._drawn.use()

    def read(self) -> NDArray[np.uint8]:  # -> (height, width, 4), row 0 at the top
        """The picture drawn so far. OpenGL's row 0 is at the bottom: the rows are reversed.

        Raises GpuLostError "gpu-lost" when OpenGL has written nothing.
        """
        if self._drawn is not self._plain:
            self._ctx.copy_framebuffer(self._plain, self._drawn)
        # A lost context is not told of: its functions return, and do nothing.
        for mark in _MARKS:
            self._bytes[0, 0] = mark
            self._plain.read_into(self._bytes, components=4)
            if tuple(self._bytes[0, 0]) != mark:
                return self._bytes[::-1].copy()
        raise GpuLostError("gpu-lost", "OpenGL draws no more, as its driver was reset or replaced: start again")

    def release(self) -> None:
        release(self._owned)


class Targets:
    """Targets of the sizes that were drawn last: several sessions share one renderer."""

    KEPT = 3

    def __init__(self, ctx: moderngl.Context, samples: int) -> None:
        self._ctx, self._samples = ctx, samples
        self._kept: dict[tuple[int, int], Target] = {}

    def of(self, width: int, height: int) -> Target:
        """The one of this size. The least recently used of more than `KEPT` are released."""
        size = width, height
        target = self._kept.pop(size, None) or Target(self._ctx, width, height, self._samples)
        self._kept[size] = target
        while len(self._kept) > self.KEPT:
            self._kept.pop(next(iter(self._kept))).release()
        return target

    def release(self) -> None:
        release(self._kept.values())
        self._kept.clear()


class Backdrop:
    """What a `Target` begins with: a picture with alpha 0 at the farthest depth.

    llvmpipe copies it in a tenth of the time in which it draws a textured triangle over the whole picture.
    """

    def __init__(self, ctx: moderngl.Context, width: int, height: int) -> None:
        size = (width, height)
        self._colour, self._depth = ctx.texture(size, 4, alignment=1), ctx.depth_renderbuffer(size)
        self.framebuffer = ctx.framebuffer([self._colour], self._depth)
        self.framebuffer.clear(depth=1.0)
        self.is_studio = False

    def write(
        self, picture: NDArray[np.uint8], is_studio: bool = False
    ) -> None:  # (height, width, 3), row 0 at the top
        """Replace the picture. is_studio: it is the one that stays the same."""
        self.is_studio = is_studio
        rgba = cv2.cvtColor(cv2.flip(picture, 0), cv2.COLOR_RGB2RGBA)
        rgba[..., 3] = 0
        self._colour.write(rgba)

    def release(self) -> None:
        release([self.framebuffer, self._colour, self._depth])


def texture_from(ctx: moderngl.Context, image: NDArray[np.uint8]) -> moderngl.Texture:  # (H, W, 1|3|4), row 0 on top
    """An image with mipmaps; v runs upwards, so that v = 1 is row 0."""
    height, width, channels = image.shape
    texture = ctx.texture((width, height), channels, np.ascontiguousarray(image[::-1]), alignment=1)
    texture.build_mipmaps()
    texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = False
    return texture


def release(objects: Iterable[Releasable]) -> None:
    """Release OpenGL objects."""
    for thing in objects:
        thing.release()
