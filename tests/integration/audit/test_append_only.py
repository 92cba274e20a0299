"""What the database refuses by itself, whoever asks."""

from collections.abc import Iterator

import psycopg
import pytest
from django.core.checks import run_checks

from hotswap_site.embedded.paths import APPLICATION_ROLE, OWNER_ROLE
from hotswap_site.embedded.postgres import SUPERUSER
from swaps.audit.privileges import weaknesses
from swaps.models import AuditEntry
from tests.integration.audit.entries import TABLES, connect_as, entries, seal_all

pytestmark = pytest.mark.django_db(transaction=True)

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(autouse=True)
def _truncate_is_refused() -> Iterator[None]:
    """As in every database but those of tests, which are emptied between tests."""
    with connect_as(SUPERUSER) as superuser:
        for table in TABLES:
            superuser.execute(
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_no_truncate".encode()
            )
        yield
        for table in TABLES:
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_no_truncate".encode())


@pytest.mark.parametrize("role", [APPLICATION_ROLE, OWNER_ROLE, SUPERUSER])
@pytest.mark.parametrize("as_replica", [False, True])
@pytest.mark.parametrize("table", TABLES)
def test_nobody_changes_or_removes_a_row(role: str, as_replica: bool, table: str) -> None:
    entries(2)
    seal_all()
    with connect_as(role) as someone:
        # What django-pgtrigger's own triggers would let through.
        someone.execute("SELECT set_config('pgtrigger.ignore', '{audit_append_only}', false)")
        if as_replica and role == SUPERUSER:
            someone.execute("SET session_replication_role = replica")
        for statement in (
            f"UPDATE {table} SET key_id = ''",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                someone.execute(statement.encode())
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize("table", TABLES)
def test_the_applications_role_can_add_and_read_and_no_more(table: str) -> None:
    entries(1)
    with connect_as(APPLICATION_ROLE) as application:
        application.execute(f"SELECT * FROM {table}".encode())
        for statement in (
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"ALTER TABLE {table} DISABLE TRIGGER audit_append_only",
            f"DROP TRIGGER audit_append_only ON {table}",
            f"ALTER TABLE {table} OWNER TO {APPLICATION_ROLE}",
            f"DROP TABLE {table}",
            f"CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING",
            "DROP FUNCTION swaps_audit_append_only CASCADE",
            "SET session_replication_role = replica",
            "SELECT setval('swaps_auditentry_id_seq', 1)",
            f"SET ROLE {OWNER_ROLE}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement.encode())
        granted = application.execute(
            "SELECT string_agg(p, ' ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE',"
            " 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p"
            " WHERE has_table_privilege(%s, p)",
            [table],
        ).fetchone()
    assert granted == ("SELECT INSERT",)


def test_a_set_up_in_which_the_application_owns_the_log_is_warned_of() -> None:
    """Tests run as the owner, which is such a set-up."""
    assert len(weaknesses()) == 3
    warnings = run_checks(tags=["database"], include_deployment_checks=True, databases=["default"])
    assert "could switch off its triggers" in str(warnings)
