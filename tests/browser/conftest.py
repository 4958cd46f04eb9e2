"""One server for all tests that look at the real one: its model and its renderer take seconds to load."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_support import LiveServer


@pytest.fixture(scope="session")
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps what it records."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def takes(data_home: Path) -> Path:
    """The server's takes. Whoever records removes them again."""
    return data_home / "face3d-live" / "takes"


@pytest.fixture(scope="session")
def server(data_home: Path) -> Iterator[LiveServer]:
    live = LiveServer(data_home)
    live.start()
    yield live
    live.kill()
