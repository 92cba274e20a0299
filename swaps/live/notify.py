"""Postgres NOTIFY: how the engine and the router process tell each other of new rows.

Told once the rows are committed, in a statement of its own with a short limit, and never in the
transaction that writes them: a NOTIFY queue that is full (somebody LISTENs and stands still in
a transaction) fails whatever transaction tells something, a roll back's too. It carries a
nudge, not the truth: whoever hears it reads the rows, and looks at them without it a little
later.
"""

import logging
from collections.abc import Iterable
from functools import partial

from django.db import DatabaseError, InterfaceError, transaction

from swaps.db.statements import Statement, run

log = logging.getLogger(__name__)

# The engine tells: a route, a cluster or a drain watch of this model changed.
ROUTES_CHANNEL = "hotswap_routes"
# The router process tells: an ack, a proof or a cluster's warmth of this model changed.
NODES_CHANNEL = "hotswap_nodes"

# Whoever tells something takes turns with all others who do, in their commits: so the limit. One
# statement, since a commit that fails at the end of several sent together breaks the connection.
_TELL = """
SELECT set_config('lock_timeout', '500ms', true), pg_notify(%(channel)s, told)
  FROM unnest(%(payloads)s::text[]) AS told
"""


def notify_routes(model_id: int | None) -> None:
    """Once the rows of this transaction are committed. None: look at everything."""
    payload = "" if model_id is None else str(model_id)
    transaction.on_commit(partial(_notify, ROUTES_CHANNEL, [payload]))


def notify_nodes(model_ids: Iterable[int]) -> None:
    """Once the rows of this transaction are committed."""
    payloads = [str(model_id) for model_id in sorted(set(model_ids))]
    if payloads:
        transaction.on_commit(partial(_notify, NODES_CHANNEL, payloads))


_failing = False


def _notify(channel: str, payloads: list[str]) -> None:
    global _failing
    try:
        run(Statement(_TELL, {"channel": channel, "payloads": payloads}))
    except (DatabaseError, InterfaceError) as error:
        if not _failing:  # once, and not with each of a thousand acks
            log.warning("NOTIFY fails, rows are looked at without it: %s", str(error).strip())
        _failing = True
    else:
        if _failing:
            log.info("NOTIFY works again")
        _failing = False
