"""`Background`: the second thread of a `Reconstructor`: OpenGL lives there, and later stages' tables are made there.

NumPy, OpenCV and the network let go of the GIL while they compute, so that two cores have work. OpenGL holds it, but
what the first thread computes goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from face3d_live.export.pieces import Movements
from face3d_live.export.textured_head import measured
from face3d_live.head.model import Head
from face3d_live.head.topology import Level
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.displacement import SIZE
from face3d_live.texture.portrait import load_tables
from face3d_live.texture.texels import texels_of
from face3d_live.typing import Array

if TYPE_CHECKING:
    from face3d_live.render.renderer import Renderer

#: Pixels a side of render.png.
RENDER_SIDE = 768
_Made = TypeVar("_Made")


class Background:
    """Does one thing at a time, in the order in which they are asked for. The thread ends with its owner."""

    def __init__(self, head: Head, albedo: Albedo) -> None:
        self._head, self._albedo = head, albedo
        self._renderer: Renderer | None = None
        self._pool = ThreadPoolExecutor(1, "reconstruct")

    def load_tables(self, side: int) -> Future[None]:
        """The tables of a texture of that side, and the smaller ones that each texture needs."""
        made = self._pool.submit(load_tables, self._head, self._albedo, side)
        self._pool.submit(texels_of, self._head, SIZE)
        return made

    def measure_movements(self, shape: Array, level: Level) -> Future[Movements]:
        """Those of the neutral head, with their targets."""
        return self._pool.submit(measured, self._head, shape, level)

    def load_renderer(self) -> None:
        """The next `draw` waits for less."""
        self.draw(lambda _: None)

    def draw(self, work: Callable[[Renderer], _Made]) -> Future[_Made]:
        """Do something with the renderer. The result may raise AssetError: see `Renderer`."""
        return self._pool.submit(lambda: work(self._loaded()))

    def _loaded(self) -> Renderer:
        if self._renderer is None:
            from face3d_live.render.renderer import Renderer

            self._renderer = Renderer(self._head, RENDER_SIDE, RENDER_SIDE, level="medium", samples=4)
        return self._renderer
