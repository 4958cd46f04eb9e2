"""Errors shown to users. Each has a stable code and a message with its cure.

Face3DError
├── InputError     what the user gave cannot be used (an image, a video, an SDP)
└── AssetError     a model file or a system library is missing or broken
"""

from __future__ import annotations

from face3d_live.text import shown


class Face3DError(Exception):
    """Base of all errors shown to users: `code` is stable, the message is the cure.

    The message can be encoded whatever file names are in it, see `text.shown`.
    """

    def __init__(self, code: str, message: str) -> None:
        message = shown(message)
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InputError(Face3DError):
    """What the user gave cannot be used."""


class AssetError(Face3DError):
    """A model file or a system library is missing or broken."""
