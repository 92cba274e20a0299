"""What roles of the database may do with the audit log's tables.

Migrations run as the role that owns the tables. Every other role is left with what adding and
reading takes, whatever default privileges gave it; and it cannot switch off a trigger of a
table that it does not own.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError, connection

LOG = ("swaps_auditentry", "swaps_auditseal")
LINE = "swaps_unsealedentry"


def keep_to_adding(sender: AppConfig, using: str, **_: Any) -> None:
    """After each migration: take back what would let a role change the log."""
    with connection.cursor() as cursor:
        for table in LOG:
            _revoke(cursor, table, keep={"SELECT", "INSERT"}, kind="TABLE")
        _revoke(cursor, LINE, keep={"SELECT", "INSERT", "DELETE"}, kind="TABLE")
        _revoke(cursor, "swaps_auditentry_id_seq", keep={"SELECT", "USAGE"}, kind="SEQUENCE")


def _revoke(cursor: Any, table: str, *, keep: set[str], kind: str) -> None:
    cursor.execute(
        """
        SELECT acl.grantee::regrole::text, acl.grantee, acl.privilege_type
          FROM pg_class AS c, aclexplode(c.relacl) AS acl
         WHERE c.oid = to_regclass(%s) AND acl.grantee <> c.relowner
           AND pg_has_role(c.relowner, 'USAGE') AND NOT acl.privilege_type = ANY(%s)
        """,
        [table, sorted(keep)],
    )
    for role, grantee, privilege in cursor.fetchall():
        to = role if grantee else "PUBLIC"  # regrole quotes the name where that is needed
        cursor.execute(f"REVOKE {privilege} ON {kind} {table} FROM {to}")


def weaknesses() -> list[str]:
    """Why the role that we are connected as could get around the triggers; none is good."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        role, superuser = cursor.fetchone()
        if superuser:
            return [f"the role {role} is a superuser of the database"]
        found = []
        for table in (*LOG, LINE):
            cursor.execute(
                "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)",
                [table],
            )
            row = cursor.fetchone()
            if row and row[0]:
                found.append(f"the role {role} owns {table} and could switch off its triggers")
        return found


def check_privileges(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """For `manage.py check --deploy --database default`."""
    if not databases:
        return []
    try:
        found = weaknesses()
    except DatabaseError:
        return []  # a database that is away is another check's matter
    hint = (
        "Run migrations as another role (HOTSWAP_OWNER_DATABASE_URL); "
        'see "The audit log" in the handbook.'
    )
    return [Warning(f"{one}.", hint=hint, id="hotswap.W001") for one in found]
