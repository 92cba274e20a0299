"""Entries of the log, and who may touch them."""

from collections.abc import Callable

import psycopg
from django.db import connection

from swaps.access.roles import Actor, Role
from swaps.audit.record import record
from swaps.audit.seal import seal_batch
from swaps.models import AuditEntry

OLGA = Actor("olga", Role.OPERATOR, "API", "192.0.2.7", request_id="r-1", token="hs_abcdefgh")
Sql = Callable[..., None]  # runs a statement, with its values
TABLES = ("swaps_auditentry", "swaps_auditseal")


def connect_as(role: str) -> "psycopg.Connection[tuple[object, ...]]":
    of = connection.settings_dict
    return psycopg.connect(host=of["HOST"], dbname=of["NAME"], user=role, autocommit=True)


def entries(count: int = 1, **fields: object) -> list[int]:
    """Recorded one after another; their numbers."""
    newest = AuditEntry.objects.first()
    for number in range(count):
        record(
            actor=OLGA,
            action="swap",
            object_kind="model",
            object_name=f"iris-{number}",
            **{"before": {"serving": "1.0"}, "after": {"share": 0.1}, **fields},  # type: ignore[arg-type]
        )
    made = AuditEntry.objects.filter(pk__gt=newest.pk if newest else 0)
    return list(made.order_by("pk").values_list("pk", flat=True))


def seal_all() -> None:
    while seal_batch():
        pass
