"""A version's endpoints as an Envoy cluster (CDS)."""

import re
from datetime import timedelta
from functools import cache

from django.conf import settings
from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2
from envoy.config.core.v3 import address_pb2, health_check_pb2, protocol_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3 import range_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.wrappers_pb2 import UInt32Value

from swaps.domain.host_addresses import in_url, is_dns_name, is_ip, is_url_path
from swaps.domain.idle_timeouts import idle_timeout_problem
from swaps.domain.names import name_problem
from swaps.router.port import DesiredCluster, Endpoint
from swaps.router.resources.route_tables import METADATA, METADATA_VERSION

CONNECT_TIMEOUT = timedelta(seconds=2)
# The default is 1,024 a cluster, beyond which Envoy answers 503 by itself. How much a host
# can take is the host's to say (429), so this only guards Envoy's own memory.
MAX_CONCURRENT = 100_000

HEALTH_INTERVAL = timedelta(seconds=1)
# A cluster is pushed while its model still loads: look often, so that it is warm soon after.
HEALTH_INTERVAL_WHILE_UNHEALTHY = timedelta(milliseconds=100)
# Generous, and three in a row, whatever the failure: a host that is merely busy, or whose proxy is
# just being set up anew, must not lose its traffic by one answer. Of one that has lost the version,
# requests go elsewhere meanwhile by the sign of its kind.
HEALTH_TIMEOUT = timedelta(seconds=5)
UNHEALTHY_AFTER = 3
HEALTHY_STATUS = 200
# By default any other status takes a host out at once.
_COUNTED_STATUSES = (
    range_pb2.Int64Range(start=100, end=HEALTHY_STATUS),
    range_pb2.Int64Range(start=HEALTHY_STATUS + 1, end=600),
)


_SIGN = re.compile(r"[a-z0-9-]{1,64}")
_SAN = common_pb2.SubjectAltNameMatcher


def cluster_problem(cluster: DesiredCluster) -> str | None:
    """Why Envoy would refuse this cluster, or None. One bad cluster NACKs every later push."""
    what = f"version {cluster.version}"
    problem = name_problem(cluster.version, of="version")
    if problem:
        return problem
    if not cluster.endpoints:
        return f"{what} has no endpoint"
    if len({bool(endpoint.tls) for endpoint in cluster.endpoints}) > 1:
        return f"{what} mixes endpoints with and without TLS"
    for endpoint in cluster.endpoints:
        for name in (endpoint.address, endpoint.server_name or endpoint.address):
            if not is_ip(name) and not is_dns_name(name):
                return (
                    f"{what} has an endpoint at {name[:300]!r}, which is neither an IP address "
                    "nor a DNS name"
                )
        if type(endpoint.port) is not int or not 0 < endpoint.port < 65536:
            return f"{what} has an endpoint with port {endpoint.port!r}"
        if idle_timeout_problem(endpoint.idle_seconds):
            return f"{what} has an endpoint with an idle timeout of {endpoint.idle_seconds!r}"
        if endpoint.not_begun and not _SIGN.fullmatch(endpoint.not_begun):
            return f"{what}: {endpoint.not_begun!r} is no header name"
    paths = (cluster.infer_path, cluster.ready_path, cluster.metadata_path, cluster.health_path)
    for path in paths:
        if not is_url_path(path):
            return f"{what} has the path {path[:300]!r}, which is no URL path"
    return None


def build_cluster(desired: DesiredCluster) -> cluster_pb2.Cluster:
    """`desired` must have no `cluster_problem`."""
    endpoints = [
        endpoint_components_pb2.LbEndpoint(
            endpoint=endpoint_components_pb2.Endpoint(
                address=_socket(endpoint.address, endpoint.port),
                hostname=_called(desired, endpoint),
                health_check_config=endpoint_components_pb2.Endpoint.HealthCheckConfig(
                    hostname=_called(desired, endpoint)
                ),
            )
        )
        for endpoint in desired.endpoints
    ]
    by_address = all(is_ip(endpoint.address) for endpoint in desired.endpoints)
    cluster = cluster_pb2.Cluster(
        name=desired.name,
        type=cluster_pb2.Cluster.STATIC if by_address else cluster_pb2.Cluster.STRICT_DNS,
        connect_timeout=CONNECT_TIMEOUT,
        # Inferences differ in length, so the host with the fewest in flight is the best guess.
        lb_policy=cluster_pb2.Cluster.LEAST_REQUEST,
        load_assignment=endpoint_pb2.ClusterLoadAssignment(
            cluster_name=desired.name,
            endpoints=[endpoint_components_pb2.LocalityLbEndpoints(lb_endpoints=endpoints)],
        ),
        health_checks=[_health_check(desired)],
    )
    cluster.metadata.filter_metadata[METADATA].update({METADATA_VERSION: desired.version})
    # Panic mode would send requests to hosts known to be bad.
    cluster.common_lb_config.healthy_panic_threshold.value = 0
    # Else Envoy's workers hear of a host's health up to a second after its gauges show it: for
    # that long a dead host has traffic, and of two that are ready one has none.
    cluster.common_lb_config.update_merge_window.FromSeconds(0)
    cluster.circuit_breakers.thresholds.append(_breakers())
    protocol = http_protocol_options_pb2.HttpProtocolOptions()
    protocol.common_http_protocol_options.CopyFrom(
        protocol_pb2.HttpProtocolOptions(idle_timeout=_idle_timeout(desired))
    )
    protocol.explicit_http_config.http_protocol_options.SetInParent()
    if desired.endpoints[0].tls:
        cluster.transport_socket.name = "tls"
        cluster.transport_socket.typed_config.CopyFrom(_tls(desired))
    cluster.typed_extension_protocol_options[
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ].Pack(protocol)
    return cluster


def _idle_timeout(desired: DesiredCluster) -> timedelta:
    """Of the host that needs it shortest. A request that meets a host's close of the connection on
    the wire is a 503 that no safe retry cures, so we close first.
    """
    return timedelta(seconds=min(endpoint.idle_seconds for endpoint in desired.endpoints))


def _called(desired: DesiredCluster, endpoint: Endpoint) -> str:
    """What a host is called in HTTP, in checks and inferences alike: behind an ingress that goes
    by names it is found by its own, whatever the client called the router.

    "" leaves it as the client called it. Where hosts of several names share a cluster with TLS
    this is sent as SNI, too, which knows names alone.
    """
    name = endpoint.server_name or endpoint.address
    if endpoint.tls and not _one_name(desired):
        return "" if is_ip(name) else name
    literal = in_url(name)
    usual = 443 if endpoint.tls else 80
    return literal if endpoint.port == usual else f"{literal}:{endpoint.port}"


def _one_name(desired: DesiredCluster) -> bool:
    return len({endpoint.server_name or endpoint.address for endpoint in desired.endpoints}) == 1


def _socket(address: str, port: int) -> address_pb2.Address:
    return address_pb2.Address(
        socket_address=address_pb2.SocketAddress(address=address, port_value=port)
    )


def _health_check(desired: DesiredCluster) -> health_check_pb2.HealthCheck:
    # Where its adapter says: a host that is up but has lost this version is not healthy.
    return health_check_pb2.HealthCheck(
        timeout=HEALTH_TIMEOUT,
        interval=HEALTH_INTERVAL,
        # A new cluster has no traffic, and Envoy then counts by these two: 60 s by default.
        no_traffic_interval=HEALTH_INTERVAL_WHILE_UNHEALTHY,
        no_traffic_healthy_interval=HEALTH_INTERVAL,
        unhealthy_interval=HEALTH_INTERVAL_WHILE_UNHEALTHY,
        unhealthy_threshold=UInt32Value(value=UNHEALTHY_AFTER),
        healthy_threshold=UInt32Value(value=1),
        http_health_check=health_check_pb2.HealthCheck.HttpHealthCheck(
            path=desired.health_path,
            host=desired.endpoints[0].server_name or desired.endpoints[0].address,
            retriable_statuses=_COUNTED_STATUSES,
        ),
    )


@cache
def _breakers() -> circuit_breaker_pb2.CircuitBreakers.Thresholds:
    limit = UInt32Value(value=MAX_CONCURRENT)
    return circuit_breaker_pb2.CircuitBreakers.Thresholds(
        max_connections=limit, max_pending_requests=limit, max_requests=limit, max_retries=limit
    )


def _tls(desired: DesiredCluster) -> Any:
    """By the endpoints' own names: what the inference client calls us by says nothing of them."""
    name = desired.endpoints[0].server_name or desired.endpoints[0].address
    if not _one_name(desired):
        context = tls_pb2.UpstreamTlsContext(auto_host_sni=True)
    else:  # which knows names alone
        context = tls_pb2.UpstreamTlsContext(sni="" if is_ip(name) else name)
    validation = context.common_tls_context.validation_context
    validation.trusted_ca.filename = settings.HOST_CA_FILE
    for endpoint in desired.endpoints:
        name = endpoint.server_name or endpoint.address
        kind = _SAN.IP_ADDRESS if is_ip(name) else _SAN.DNS
        validation.match_typed_subject_alt_names.add(san_type=kind).matcher.exact = name
    packed = Any()
    packed.Pack(context)
    return packed
