"""Face3D Live: a webcam in, a living 3D head out."""

__version__ = "0.1.0"
