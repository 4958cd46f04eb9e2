"""Fixtures that every test may use."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Tests run side by side: the threads of one would wait for those of another, spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import face3d_live.cli  # noqa: F401  as in every program: one BLAS thread
from face3d_live.head.model import Head
from face3d_live.texture.albedo import Albedo

# An example has no deadline: on a busy machine any takes long.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("FACE3D_DATA", ROOT.parent / "shared" / "data"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests run side by side module by module, but those in a browser in one process, as two browsers would starve each
    other, and those on a Ray cluster in one (a single one of them opens a page), as a cluster takes seconds to start.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.split("::", 1)[0]
            folder = module.split("/")[1]
            return folder if folder in ("browser", "cluster") else module

    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by folder: what lies in `live` starts processes (but outputs). Modules that take long come first, so that
    the processes which run tests end together.
    """
    for item in items:
        folder = item.path.parent.relative_to(ROOT / "tests").parts
        if folder[:1] == ("live",) and folder != ("live", "outputs"):
            item.add_marker("server")
    marks = ("server", "slow", "cluster")
    heavy = {item.path for item in items if any(item.get_closest_marker(mark) for mark in marks)}
    items.sort(key=lambda item: (not _in_browser(item), item.path not in heavy))


def _in_browser(item: pytest.Item) -> bool:
    return item.path.parent.name == "browser"


@pytest.fixture(scope="session", autouse=True)
def _settings_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers remember outputs, mappings, compiled models: no test may meet those of who runs it, or leave any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACE3D_CONFIG", str(tmp_path_factory.mktemp("config")))
        patch.setenv("FACE3D_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of faces and clips, which is not part of the repository."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"no data at {SHARED}: set FACE3D_DATA to the folder of faces and clips")
    return SHARED


@pytest.fixture(scope="session")
def head() -> Head:
    """The head that ships."""
    return Head.load()


@pytest.fixture(scope="session")
def albedo() -> Albedo:
    """The skin basis that ships."""
    return Albedo.load()


def pytest_collection_finish() -> None:
    """What the modules have made stays for all tests: no collection of garbage has to look through it again."""
    gc.collect()
    gc.freeze()
