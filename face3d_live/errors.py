"""The exceptions of the package. Each has a stable code, and its message says what to do.

Face3DError
├── InputError           400  what the user gave cannot be used (an image, a video, an SDP)
│   ├── TokenError       401  the request needs a token
│   ├── ForbiddenError   403  the request comes from where none may
│   ├── NotFoundError    404  nothing has that name, or not any more
│   ├── MethodError      405  the address does not take this method
│   ├── ConflictError    409  not possible in the present state
│   ├── TooLargeError    413  a body or file exceeds its limit
│   ├── MediaTypeError   415  the body has another type than expected
│   ├── ThrottledError   429  too many wrong tokens from one address
│   └── StorageError     507  a file cannot be written
├── LimitError           503  too much at once: try again later
├── OutputError          503  a receiver of an output cannot be reached
├── GpuLostError         503  OpenGL draws no more
└── AssetError           503  a model file or a system library is missing or broken, or a process failed

The numbers are `Face3DError.status`, the HTTP status of the live server's answer.
"""

from __future__ import annotations

from typing import ClassVar

from face3d_live.text import shown


class Face3DError(Exception):
    """Base of all errors shown to users. code: stable. message: what is wrong and its cure.

    status: the HTTP status of a refusal; close_code: the close code of a WebSocket that is refused.
    The message can be encoded whatever file names it contains, see `text.shown`.
    """

    status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011

    def __init__(self, code: str, message: str) -> None:
        message = shown(message)
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[type[Face3DError], tuple[str, str]]:
        """Pickled as it was made: errors cross process boundaries."""
        return type(self), (self.code, self.message)

    def to_json(self) -> dict[str, str]:
        """`{"code", "message"}`: the form of an error in every JSON answer."""
        return {"code": self.code, "message": self.message}


class InputError(Face3DError):
    """What the user gave cannot be used."""

    status = 400
    close_code = 4400


class TokenError(InputError):
    """The request needs a token."""

    status = 401
    close_code = 1008


class ForbiddenError(InputError):
    """The request comes from where none may."""

    status = 403
    close_code = 1008


class NotFoundError(InputError):
    """Nothing has that name, or not any more."""

    status = 404
    close_code = 4404


class MethodError(InputError):
    """The address does not take this method."""

    status = 405


class ConflictError(InputError):
    """What is asked for is not possible in the present state."""

    status = 409


class TooLargeError(InputError):
    """A body or file exceeds its limit."""

    status = 413


class MediaTypeError(InputError):
    """The body has another type than expected."""

    status = 415


class ThrottledError(InputError):
    """Too many attempts from one address. Trying again later works."""

    status = 429
    close_code = 1013


class StorageError(InputError):
    """A file cannot be written: no space, no permission."""

    status = 507


class LimitError(Face3DError):
    """The server does as much at once as it may. Trying again later may work."""

    status = 503
    close_code = 1013


class OutputError(Face3DError):
    """The receiver of an output cannot be reached or refuses. Trying again may work."""

    status = 503


class GpuLostError(Face3DError):
    """OpenGL draws no more: the driver was reset, updated, or took the context away. A new process gets a new one."""

    status = 503


class AssetError(Face3DError):
    """A model file or a system library is missing or broken, or a process failed."""

    status = 503
