"""One simulated cluster for all tests that need Ray: it takes seconds to start."""

import pytest


@pytest.fixture(scope="session")
def simulated():
    pytest.importorskip("ray")
    from cluster_support import Simulated

    cluster = Simulated()
    yield cluster
    cluster.shutdown()
