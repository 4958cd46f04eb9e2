"""Face3D Live: a webcam in, a living 3D head out."""

import os

# The matrices here are small: a second BLAS thread costs more than it brings, and its spinning starves the renderer.
# Read by OpenBLAS when NumPy is first imported, hence here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
