"""Postgres NOTIFY: how the engine and the router process tell each other of new rows.

A notification is sent by Postgres when the transaction commits, never before, and
carries a nudge, not the truth: whoever hears it reads the rows.
"""

from collections.abc import Iterable

from django.db import connection

# The engine tells: a route, a cluster or a drain watch of this model changed.
ROUTES_CHANNEL = "hotswap_routes"
# The router process tells: an ack, a proof or a cluster's warmth of this model changed.
NODES_CHANNEL = "hotswap_nodes"


def notify_routes(model_id: int | None) -> None:
    """To be called in the transaction that writes. None: look at everything."""
    _notify(ROUTES_CHANNEL, "" if model_id is None else str(model_id))


def notify_nodes(model_ids: Iterable[int]) -> None:
    """To be called in the transaction that writes."""
    for model_id in sorted(set(model_ids)):
        _notify(NODES_CHANNEL, str(model_id))


def _notify(channel: str, payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])
