"""Live gauges, in Valkey: what each node's metrics last said. Never a basis for decisions.

The router process writes, pages and the API read. A node that stops reporting drops out
after `TTL_SECONDS`: a missing number is unknown, not zero.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

import redis
from django.conf import settings

from swaps.live.gauge_history import Kept, ask_history, keep_gauges, parse_history
from swaps.live.valkey import valkey

log = logging.getLogger(__name__)

TTL_SECONDS = 3


class ClusterGauges(TypedDict, total=False):
    """One cluster on one node. Counters are cumulative since the node started."""

    active: int
    pending: int
    healthy: int
    total: int
    rq_2xx: int
    rq_4xx: int
    rq_5xx: int
    pinned: int  # requests that named this very version; absent: none yet
    over_ms: float  # a percentile that is missing lies above this
    p50_ms: float
    p95_ms: float
    p99_ms: float


def _key(nonce: str) -> str:
    return f"{settings.VALKEY_PREFIX}:gauges:{nonce}"


def publish_node_gauges(nonce: str, gauges: Mapping[str, ClusterGauges]) -> None:
    """`gauges` by cluster name. Valkey away is no error: nobody decides by these."""
    counted = {name: (one, *counts_of(one)) for name, one in gauges.items()}
    try:
        with valkey() as client, client.pipeline(transaction=False) as pipeline:
            pipeline.set(_key(nonce), json.dumps(gauges), ex=TTL_SECONDS)
            keep_gauges(pipeline, nonce, counted)
            pipeline.execute()
    except redis.RedisError as error:
        log.debug("gauges of node %s not published: %s", nonce, error)


def read_node_gauges(nonces: list[str]) -> list[dict[str, ClusterGauges] | None]:
    """The gauges of each node, in the order asked; None for a node not heard of lately."""
    if not nonces:
        return []
    try:
        with valkey() as client:
            found = client.mget([_key(nonce) for nonce in nonces])
    except redis.RedisError as error:
        log.debug("live gauges cannot be read: %s", error)
        return [None] * len(nonces)
    return [json.loads(raw) if raw else None for raw in found]


def read_gauge_history(nonces: list[str], clusters: list[str]) -> dict[str, list[list[Kept]]]:
    """By cluster, for each node its last minutes, oldest first; empty where nothing is known."""
    if not nonces or not clusters:
        return {cluster: [] for cluster in clusters}
    try:
        with valkey() as client, client.pipeline(transaction=False) as pipeline:
            ask_history(pipeline, nonces, clusters)
            found = iter(pipeline.execute())
    except redis.RedisError as error:
        log.debug("the history of gauges cannot be read: %s", error)
        return {cluster: [] for cluster in clusters}
    return {cluster: [parse_history(next(found)) for _ in nonces] for cluster in clusters}


def counts_of(gauges: ClusterGauges) -> tuple[int, int]:
    """Answers since the node started, and errors (5xx) among them."""
    errors = gauges.get("rq_5xx", 0)
    return gauges.get("rq_2xx", 0) + gauges.get("rq_4xx", 0) + errors, errors


def answered(
    cluster: str, nodes: Sequence[Mapping[str, ClusterGauges] | None]
) -> tuple[int, int] | None:
    """Answers and errors of all nodes since they started; None when one is unknown."""
    answers = errors = 0
    for shown in nodes:
        if shown is None or cluster not in shown:
            return None
        more, wrong = counts_of(shown[cluster])
        answers, errors = answers + more, errors + wrong
    return (answers, errors) if nodes else None


def in_flight(cluster: str, nodes: Sequence[Mapping[str, ClusterGauges] | None]) -> int | None:
    """Requests executing, or waiting for a connection, on all nodes; None when one is unknown.

    A gauge that a node never touched is not reported; it is zero only beside `total`,
    which shows that the node knows the cluster. See `swaps.domain.drain_proof`.
    """
    requests = 0
    for shown in nodes:
        gauges = shown.get(cluster) if shown is not None else None
        if gauges is None or "total" not in gauges:
            return None
        requests += gauges.get("active", 0) + gauges.get("pending", 0)
    return requests if nodes else None


def slowest(
    percentile: Literal["p50_ms", "p95_ms", "p99_ms"],
    cluster: str,
    nodes: Sequence[Mapping[str, ClusterGauges] | None],
) -> float | None:
    """The slowest node's: percentiles cannot be summed. None: unknown, or above what is measured
    on one of them.
    """
    shown = [node[cluster] for node in nodes if node is not None and cluster in node]
    if any("over_ms" in one and percentile not in one for one in shown):
        return None
    return max((one[percentile] for one in shown if percentile in one), default=None)
