"""The file an Envoy starts with: who it is, and where its router processes listen.

Everything else comes over xDS. Values that only hold for one Envoy (its address and port)
travel in its node metadata, so the router process builds each node the listener it wants.
"""

from pathlib import Path
from typing import Any

from swaps.router.resources.route_tables import RETRY_BACK_OFF
from swaps.router.xds.control_cluster import XDS_CLUSTER, Network, Sockets, xds_cluster

DEFAULT_FLUSH_INTERVAL_MS = 5
MAX_CLIENT_CONNECTIONS = 50_000

# Every body that may have to be sent again is kept until its host begins to answer, so bodies are
# most of what Envoy needs. At the first share of its memory it gives back what it does not use,
# from the second on it takes no more requests, and finishes those that it has. The rest is for
# what arrives until it looks again, and for bodies of requests that were let in before.
LEAST_MEMORY_MIB = 128
TIDIES_UP_AT = 0.7
REFUSES_AT = 0.8
LOOKS_AT_MEMORY_EVERY = "0.1s"

HEAP = "envoy.resource_monitors.fixed_heap"

# What the drain proof, warmth and the gates need; without it a flush is hundreds of KiB.
STATS = (
    r"(http\.in\.rds\.[^.]+\.version|vhost\.[^.]+\.route\.pinned_hs_[^.]+\.upstream_rq_total|"
    r"cluster\.hs_[^.]+\."
    r"(upstream_rq_(active|pending_active|2xx|4xx|5xx|time)|membership_(healthy|total)))"
)


def bootstrap(
    *,
    node_id: str,
    nonce: str | None,
    listen_address: str,
    listen_port: int,
    admin_socket: Path,
    routers: Sockets | Network,
    memory_mib: int,
    flush_interval_ms: int = DEFAULT_FLUSH_INTERVAL_MS,
    alone: bool = False,
) -> dict[str, Any]:
    """The bootstrap of one start of one Envoy, ready for `json.dump`.

    `nonce` must be new at each start: it tells this process from the node's earlier ones.
    None where whoever starts it adds one by Envoy's `--config-yaml`.
    `alone` says that whoever starts it holds this node's lock for it: none of its earlier
    processes runs any more, so no drain waits for those.
    Of the `routers` Envoy takes one that answers, and another when that one is gone.
    `memory_mib` bounds what requests may hold of its memory.
    Raises ValueError when `flush_interval_ms` would let a waiting retry slip past the proof, or
    `memory_mib` is less than an Envoy needs.
    Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/bootstrap/v3/bootstrap.proto
    """
    longest_retry_wait_ms = RETRY_BACK_OFF.total_seconds() * 1000
    if flush_interval_ms <= longest_retry_wait_ms:
        raise ValueError(
            f"a flush interval of {flush_interval_ms} ms is not above the {longest_retry_wait_ms:g}"
            " ms a retry may wait unseen by any gauge; the drain proof would not hold"
        )
    if memory_mib < LEAST_MEMORY_MIB:
        raise ValueError(
            f"{memory_mib} MiB are less than the {LEAST_MEMORY_MIB} that an Envoy needs to serve"
        )
    grpc = {
        "envoy_grpc": {
            "cluster_name": XDS_CLUSTER,
            # 0.5 to 30 s by default: too long for a router process that is back at once.
            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}},
        }
    }
    ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {
            "id": node_id,
            "cluster": "hotswap",
            "metadata": {
                "listen_address": listen_address,
                "listen_port": listen_port,
            }
            | ({"nonce": nonce} if nonce else {})
            | ({"alone": True} if alone else {}),
        },
        # Anyone who reaches the admin interface can stop this Envoy: a socket for its owner.
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [grpc],
                "set_node_on_first_message_only": True,
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": [xds_cluster(routers)]},
        "stats_flush_interval": f"{flush_interval_ms / 1000:g}s",
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [_regex(STATS)]}}},
        "stats_sinks": [
            {
                "name": "envoy.stat_sinks.metrics_service",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig",
                    "transport_api_version": "V3",
                    "grpc_service": grpc,
                    # Each histogram comes twice otherwise: once as a summary.
                    "histogram_emit_mode": "HISTOGRAM",
                },
            }
        ],
        "overload_manager": {
            "refresh_interval": LOOKS_AT_MEMORY_EVERY,
            "resource_monitors": [
                {
                    "name": HEAP,
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors."
                        "fixed_heap.v3.FixedHeapConfig",
                        "max_heap_size_bytes": memory_mib << 20,
                    },
                },
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors."
                        "downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": MAX_CLIENT_CONNECTIONS,
                    },
                },
            ],
            "actions": [
                _when_heap_is_at(TIDIES_UP_AT, "shrink_heap"),
                _when_heap_is_at(REFUSES_AT, "stop_accepting_requests"),
            ],
        },
    }


def _when_heap_is_at(share: float, action: str) -> dict[str, Any]:
    return {
        "name": f"envoy.overload_actions.{action}",
        "triggers": [{"name": HEAP, "threshold": {"value": share}}],
    }


def _regex(pattern: str) -> dict[str, Any]:
    return {"safe_regex": {"regex": pattern}}
