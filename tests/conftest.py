"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("FACE3D_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of faces and clips, which is not part of the repository."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"no data at {SHARED}: set FACE3D_DATA to the folder of faces and clips")
    return SHARED
