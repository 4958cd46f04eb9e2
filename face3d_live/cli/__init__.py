"""The command line. Every program of the project begins by importing this package: it sets up the process."""

import os

# The matrices here are small: a second BLAS thread costs more than it brings, and its spinning starves the renderer.
# Read by OpenBLAS when NumPy is first imported, hence before anything else; child processes inherit it. Programs that
# import `face3d_live` keep their own setting.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
