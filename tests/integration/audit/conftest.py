"""Entries, a sealer of this test's own, and somebody with all rights over the database."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from hotswap_site.embedded.postgres import SUPERUSER
from swaps.access.roles import Actor, Role
from swaps.audit.record import record
from swaps.audit.seal import seal_batch
from swaps.models import AuditEntry

OLGA = Actor("olga", Role.OPERATOR, "API", "192.0.2.7", request_id="r-1", token="hs_abcdefgh")
TABLES = ("swaps_auditentry", "swaps_auditseal")

Sql = Callable[..., None]


@pytest.fixture(autouse=True)
def audit_head(settings: Settings, tmp_path: Path) -> Path:
    """Each test's log is a new one, and so is what the machine remembers of it."""
    settings.AUDIT_HEAD = tmp_path / "audit_head.json"
    return tmp_path / "audit_head.json"


def connect_as(role: str) -> "psycopg.Connection[tuple[object, ...]]":
    of = connection.settings_dict
    return psycopg.connect(host=of["HOST"], dbname=of["NAME"], user=role, autocommit=True)


@pytest.fixture
def as_superuser() -> Sql:
    """Runs SQL with the triggers switched off first: nothing stops a superuser."""

    def run(statement: str, *values: object) -> None:
        with connect_as(SUPERUSER) as superuser:
            for table in TABLES:
                superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
            superuser.execute(statement.encode(), values)
            for table in TABLES:
                superuser.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL".encode())
                superuser.execute(
                    f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_append_only".encode()
                )
                superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_no_truncate".encode())

    return run


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
