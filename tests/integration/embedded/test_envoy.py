"""The embedded Envoy, with a bootstrap that needs no control plane."""

import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from hotswap_site.embedded.envoy import envoy_child
from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.supervisor import Supervisor


@pytest.fixture
def home() -> Iterator[HotswapHome]:
    with tempfile.TemporaryDirectory(prefix="hotswap-") as folder:
        yield HotswapHome(Path(folder))


def a_bootstrap(node: str, admin_socket: Path) -> Mapping[str, object]:
    return {
        "node": {"id": node, "cluster": "hotswap"},
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
    }


def test_two_nodes_run_side_by_side_and_come_back_after_a_kill(home: HotswapHome) -> None:
    incarnations: list[str] = []

    def bootstrap(node: str) -> Mapping[str, object]:
        incarnations.append(node)
        return a_bootstrap(node, home.socket(node))

    with Supervisor(home.logs, stream=None) as supervisor:
        for node in ("envoy-1", "envoy-2"):
            supervisor.start(
                envoy_child(
                    home,
                    partial(bootstrap, node),
                    name=node,
                    admin_socket=home.socket(node),
                    concurrency=1,
                )
            )
        supervisor.kill("envoy-1")
        supervisor.wait_restarted("envoy-1", 1)
        assert incarnations == ["envoy-1", "envoy-2", "envoy-1"]
        assert supervisor.starts("envoy-2") == 1
        assert (home.bootstrap / "envoy-1.json").stat().st_mode & 0o077 == 0
        assert home.socket("envoy-1").stat().st_mode & 0o077 == 0
