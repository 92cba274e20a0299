"""A version's endpoints as Envoy is told of them."""

from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from swaps.adapters.bundled import BundledHost
from swaps.bundled_host.configuration import Configuration
from swaps.router.port import DesiredCluster, Endpoint
from swaps.router.resources.clusters import build_cluster, cluster_problem


def clustered(*endpoints: Endpoint) -> DesiredCluster:
    return DesiredCluster(
        pk=1,
        name="hs_1",
        version="1.0",
        endpoints=endpoints,
        infer_path="/infer",
        ready_path="/ready",
        metadata_path="/",
        health_path="/healthy",
    )


def built(*endpoints: Endpoint) -> Cluster:
    desired = clustered(*endpoints)
    assert cluster_problem(desired) is None
    return build_cluster(desired)


def test_health_is_asked_where_the_adapter_says() -> None:
    [check] = built(Endpoint("10.0.0.7", 80)).health_checks
    assert check.http_health_check.path == "/healthy"


def called(cluster: Cluster) -> list[str]:
    """In inferences; and in checks alike."""
    found: list[Any] = [e.endpoint for e in cluster.load_assignment.endpoints[0].lb_endpoints]
    assert [e.hostname for e in found] == [e.health_check_config.hostname for e in found]
    return [e.hostname for e in found]


def tls(cluster: Cluster) -> UpstreamTlsContext:
    context = UpstreamTlsContext()
    cluster.transport_socket.typed_config.Unpack(context)
    return context


def test_hosts_are_called_by_their_own_names_with_the_port_where_it_is_not_the_usual() -> None:
    cluster = built(
        Endpoint("10.0.0.7", 80, server_name="gpu-7.example"),
        Endpoint("10.0.0.8", 8001, server_name="gpu-8.example"),
        Endpoint("10.0.0.9", 8001, server_name="10.0.0.9"),
        Endpoint("fd12::7", 8001, server_name="fd12::7"),
        Endpoint("10.0.0.10", 8001),
    )
    assert called(cluster) == [
        *("gpu-7.example", "gpu-8.example:8001", "10.0.0.9:8001", "[fd12::7]:8001"),
        "10.0.0.10:8001",
    ]


def test_with_tls_the_name_alone_is_the_one_that_is_asked_for() -> None:
    one = built(Endpoint("10.0.0.7", 8443, True, "gpu.example"))
    assert called(one) == ["gpu.example:8443"]
    assert (tls(one).sni, tls(one).auto_host_sni) == ("gpu.example", False)
    address = built(Endpoint("10.0.0.7", 8443, True, "10.0.0.7"))
    assert called(address) == ["10.0.0.7:8443"]
    assert (tls(address).sni, tls(address).auto_host_sni) == ("", False)
    several = built(
        Endpoint("10.0.0.7", 8443, True, "gpu-7.example"),
        Endpoint("10.0.0.8", 8443, True, "gpu-8.example"),
    )
    assert called(several) == ["gpu-7.example", "gpu-8.example"]
    assert (tls(several).sni, tls(several).auto_host_sni) == ("", True)


def idle_seconds(*endpoints: Endpoint) -> float:
    options = HttpProtocolOptions()
    [packed] = built(*endpoints).typed_extension_protocol_options.values()
    packed.Unpack(options)
    return options.common_http_protocol_options.idle_timeout.ToNanoseconds() / 1e9


def test_idle_connections_are_closed_as_early_as_the_host_that_needs_it_earliest() -> None:
    early = Endpoint("10.0.0.7", 8001, idle_seconds=2.5)
    late = Endpoint("10.0.0.8", 8001, idle_seconds=45)
    assert idle_seconds(early, late) == 2.5
    assert idle_seconds(late) == 45
    assert idle_seconds(Endpoint("10.0.0.9", 8001)) == 30


@pytest.mark.parametrize("seconds", [0, -1, 1e9, float("nan")])
def test_an_idle_time_that_envoy_would_refuse_is_pushed_to_nobody(seconds: float) -> None:
    desired = clustered(Endpoint("10.0.0.7", 8001, idle_seconds=seconds))
    assert "idle timeout" in (cluster_problem(desired) or "")


def test_the_bundled_host_keeps_connections_as_long_as_its_kind_says() -> None:
    default = Configuration.__dataclass_fields__["keep_alive_seconds"].default
    assert default == BundledHost.capabilities.keep_alive_seconds
