"""Connections of one test must not reach into the next, nor leak."""

from collections.abc import Iterator

import pytest

from swaps.adapters.registry import close_connections


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    yield
    close_connections()
