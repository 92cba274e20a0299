"""A real host with the demo's models, and callers of each role."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from swaps.access.roles import Role
from swaps.adapters.registry import close_connections
from swaps.readings.audit import stream as audit_stream
from swaps.readings.shared import looks
from tests.integration.api.caller import Caller
from tests.integration.bundled_host.conftest import demo_models as demo_models
from tests.integration.bundled_host.running import RunningHost, running_host


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    yield
    close_connections()


@pytest.fixture(scope="session")
def bundled_host(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHost]:
    """Asked only whether it has a version: nothing here loads one."""
    with running_host(demo_models, tmp_path_factory.mktemp("host")) as host:
        yield host


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
