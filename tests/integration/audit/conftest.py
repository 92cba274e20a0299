"""A log of each test's own, and somebody with all rights over the database."""

from pathlib import Path

import pytest

from hotswap_site.embedded.postgres import SUPERUSER
from tests.integration.audit.entries import TABLES, Sql, connect_as


@pytest.fixture(autouse=True)
def _own_log(audit_head: Path) -> None:
    """What the machine remembers of the log is of this test's alone."""


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
