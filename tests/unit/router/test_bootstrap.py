"""The file an Envoy starts with."""

from pathlib import Path
from typing import Any

import pytest

from swaps.router.resources.route_tables import RETRY_BACK_OFF
from swaps.router.xds.bootstrap import bootstrap
from swaps.router.xds.control_cluster import Sockets


def made(*, memory_mib: int = 1024, **options: Any) -> dict[str, Any]:
    return bootstrap(
        node_id="edge-1",
        nonce="a",
        listen_address="127.0.0.1",
        listen_port=8080,
        admin_socket=Path("/tmp/admin.sock"),
        routers=Sockets([Path("/tmp/xds.sock")]),
        memory_mib=memory_mib,
        **options,
    )


def test_the_interval_of_flushes_is_as_asked() -> None:
    assert made(flush_interval_ms=20)["stats_flush_interval"] == "0.02s"


def test_flushes_closer_than_a_retry_waits_are_refused() -> None:
    """Such a retry is in no gauge: the proof would not see it."""
    longest = round(RETRY_BACK_OFF.total_seconds() * 1000)
    with pytest.raises(ValueError, match="the drain proof would not hold"):
        made(flush_interval_ms=longest)


def test_a_retry_does_not_wait() -> None:
    """Envoy waits a random whole number of milliseconds below it: none below one."""
    assert RETRY_BACK_OFF.total_seconds() * 1000 == 1


def test_an_envoy_is_not_started_with_less_memory_than_it_needs() -> None:
    with pytest.raises(ValueError, match="100 MiB are less than the 128"):
        made(memory_mib=100)
