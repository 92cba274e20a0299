"""Real parts for the system tests."""

from collections.abc import Iterator

import pytest

from tests.system.fleet import Fleet, running_fleet


@pytest.fixture(scope="package")
def fleet() -> Iterator[Fleet]:
    """Every process of Hotswap, for all files of this folder: its start takes half a minute."""
    with running_fleet() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed in mid-swap does not fail those after it."""
    yield
    if "fleet" in request.fixturenames:
        request.getfixturevalue("fleet").end_open_swaps()
