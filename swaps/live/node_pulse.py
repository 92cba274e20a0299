"""A node's pulse, in Valkey: that its metrics still come, and how many requests it answers.

The router process writes with each publication of its gauges; pages and the API read. How old
it is Valkey itself tells, so that no two machines' clocks are compared.
"""

import json
import logging
from dataclasses import dataclass

import redis
from django.conf import settings

from swaps.live.valkey import valkey

log = logging.getLogger(__name__)

# Far longer than gauges are kept: how long ago a node was last heard is worth knowing.
KEPT_MS = 600_000


@dataclass(frozen=True, slots=True)
class NodePulse:
    requests_per_second: float | None  # None: not measured for long enough
    age_seconds: float  # since its metrics last came


def _key(nonce: str) -> str:
    return f"{settings.VALKEY_PREFIX}:pulse:{nonce}"


def publish_node_pulse(nonce: str, requests_per_second: float | None) -> None:
    """Valkey away is no error: nobody decides by this."""
    try:
        with valkey() as client:
            client.set(_key(nonce), json.dumps(requests_per_second), px=KEPT_MS)
    except redis.RedisError as error:
        log.debug("pulse of node %s not published: %s", nonce, error)


def read_node_pulses(nonces: list[str]) -> list[NodePulse | None]:
    """In the order asked; None for a node not heard of for minutes."""
    if not nonces:
        return []
    try:
        with valkey() as client, client.pipeline(transaction=False) as pipeline:
            for nonce in nonces:
                pipeline.get(_key(nonce))
                pipeline.pttl(_key(nonce))
            found = pipeline.execute()
    except redis.RedisError as error:
        log.debug("the nodes' pulses cannot be read: %s", error)
        return [None] * len(nonces)
    return [
        NodePulse(json.loads(raw), max(0, KEPT_MS - left) / 1000) if raw else None
        for raw, left in zip(found[::2], found[1::2], strict=True)
    ]
