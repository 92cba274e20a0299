"""Real parts for the system tests."""

from collections.abc import Iterator

import pytest

from tests.integration.router.conftest import new_envoy, router, sockets, upstream
from tests.system.fleet import Fleet, running_fleet

__all__ = ["fleet", "new_envoy", "router", "sockets", "upstream"]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Every process of Hotswap, for the tests of one file."""
    with running_fleet() as running:
        yield running
