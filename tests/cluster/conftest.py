"""One simulated cluster for all tests that need Ray: it takes seconds to start."""

import os

import pytest

# Before anything imports Ray: whoever runs the tests may have a token of Ray, for a cluster of their own.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")


@pytest.fixture(scope="session")
def simulated():
    pytest.importorskip("ray")
    from cluster_support import Simulated

    cluster = Simulated()
    yield cluster
    cluster.shutdown()
