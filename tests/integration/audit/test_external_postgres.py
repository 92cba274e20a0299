"""A Postgres of one's own, set up as the handbook says: the same rights as in ours."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection

from hotswap_site.embedded.postgres import SUPERUSER
from tests.documents import blocks

PROJECT = Path(__file__).resolve().parents[3]
NAME = f"elsewhere_{os.getpid()}"


@pytest.fixture
def elsewhere(db: None) -> Iterator[str]:
    """The socket folder of a server on which the handbook's SQL was run, with names of its own."""
    host = str(connection.settings_dict["HOST"])
    [block] = blocks("sql")
    before, after = re.sub(r"\bhotswap", NAME, block).split(f"\\connect {NAME}\n")
    with psycopg.connect(host=host, dbname="postgres", user=SUPERUSER, autocommit=True) as server:
        try:
            for statement in before.split(";")[:-1]:
                server.execute(statement.encode())
            with psycopg.connect(host=host, dbname=NAME, user=SUPERUSER) as inside:
                inside.execute(after.encode())
            yield host
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)".encode())
            server.execute(f"DROP ROLE IF EXISTS {NAME}, {NAME}_owner".encode())


def test_the_application_can_work_but_only_add_to_the_log(elsewhere: str, tmp_path: Path) -> None:
    def manage(role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        url = f"postgresql://{role}@/{NAME}?host={quote(elsewhere, safe='')}"
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env={**os.environ, "DATABASE_URL": url, "HOTSWAP_HOME": str(tmp_path)},
            input='{"users": [{"username": "olga", "password": "a long one", "role": "operator"}]}',
            capture_output=True,
            text=True,
            check=False,
        )

    migrated = manage(f"{NAME}_owner", "migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    provisioned = manage(NAME, "provision")
    assert provisioned.returncode == 0, provisioned.stderr
    with psycopg.connect(host=elsewhere, dbname=NAME, user=NAME, autocommit=True) as application:
        assert application.execute("SELECT count(*) FROM swaps_auditentry").fetchone() == (1,)
        for statement in (
            "UPDATE swaps_auditentry SET actor = 'mallory'",
            "DELETE FROM swaps_auditentry",
            "TRUNCATE swaps_auditentry",
            "ALTER TABLE swaps_auditentry DISABLE TRIGGER ALL",
            "UPDATE swaps_auditseal SET mac = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement.encode())
    verified = manage(NAME, "verify_audit")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    with psycopg.connect(host=elsewhere, dbname=NAME, user=SUPERUSER) as superuser:
        superuser.execute("ALTER TABLE swaps_auditentry DISABLE TRIGGER ALL")
        superuser.execute("UPDATE swaps_auditentry SET actor = 'mallory'")
    verified = manage(NAME, "verify_audit")
    assert verified.returncode == 1
    assert "entry 1 was put in or changed by somebody" in verified.stdout
