"""Takes OpenGL contexts away, as a driver that is reset or replaced does."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

import moderngl


def lose(contexts: Iterable[moderngl.Context]) -> None:
    """Destroy them behind their owners' backs: from now on their calls do nothing, and nobody is told."""
    egl: Any = ctypes.CDLL("libEGL.so.1")
    for name in ("eglGetCurrentDisplay", "eglGetCurrentContext", "eglMakeCurrent", "eglDestroyContext"):
        getattr(egl, name).restype = ctypes.c_void_p
    for context in contexts:
        with context:
            display, handle = (ctypes.c_void_p(get()) for get in (egl.eglGetCurrentDisplay, egl.eglGetCurrentContext))
            egl.eglMakeCurrent(display, None, None, None)
            egl.eglDestroyContext(display, handle)
