"""Callers of each role."""

from collections.abc import AsyncIterator, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from swaps.access.roles import Role
from swaps.adapters.registry import close_connections
from swaps.readings.audit import stream as audit_stream
from swaps.readings.shared import looks
from tests.integration.api.caller import Caller


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    yield
    close_connections()


@pytest.fixture
def viewer(db: None) -> Caller:
    return Caller(Role.VIEWER)


@pytest.fixture
def operator(db: None) -> Caller:
    return Caller(Role.OPERATOR)


@pytest.fixture
def administrator(db: None) -> Caller:
    return Caller(Role.ADMINISTRATOR)


@pytest.fixture
async def closed_connections() -> AsyncIterator[None]:
    """Async tests query from a thread of their own; what it leaves open outlives the test."""
    yield
    await sync_to_async(connections.close_all)()
    for thread in (looks.thread, audit_stream.thread):
        thread.submit(connections.close_all).result()
