"""Real Postgres and Valkey for the tests, started before Django's settings are read.

Loaded with `-p tests.services`. Only the controlling process starts them; xdist's workers
inherit where they are. Whoever has servers of their own sets DATABASE_URL and VALKEY_URL.
"""

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import (
    HotswapHome,
    default_owner_database_url,
    default_valkey_url,
)
from hotswap_site.embedded.postgres import start_postgres
from hotswap_site.embedded.supervisor import Supervisor
from hotswap_site.embedded.valkey import start_valkey


# A wrapper, because pytest-django reads the settings in this same hook.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    services = ExitStack()
    early_config.add_cleanup(services.close)
    try:
        _start(services)
    except EmbeddedError as error:
        raise pytest.UsageError(f"the tests' Postgres and Valkey did not start: {error}") from error
    return (yield)


def _start(services: ExitStack) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        _stand_apart(worker, services)
        return
    wanted = {"DATABASE_URL", "VALKEY_URL"} - os.environ.keys()
    if "HOTSWAP_HOME" not in os.environ or wanted:
        folder = services.enter_context(tempfile.TemporaryDirectory(prefix="hotswap-tests-"))
        os.environ["HOTSWAP_HOME"] = folder
    if not wanted:
        return
    home = HotswapHome(Path(os.environ["HOTSWAP_HOME"]))
    supervisor = services.enter_context(Supervisor(home.logs, stream=None))
    if "DATABASE_URL" in wanted:
        start_postgres(supervisor, home, durable=False)
        # The owner, because the test runner makes databases of its own.
        # Tests wait in transactions that they roll back, as no process of ours does.
        patient = quote("-c idle_in_transaction_session_timeout=0")
        os.environ["DATABASE_URL"] = f"{default_owner_database_url(home)}&options={patient}"
    if "VALKEY_URL" in wanted:
        start_valkey(supervisor, home)
        os.environ["VALKEY_URL"] = default_valkey_url(home)


def _stand_apart(worker: str, services: ExitStack) -> None:
    """The servers are shared; what is kept in them, and in the home, is each worker's own.

    Its database is pytest-django's doing.
    """
    folder = tempfile.TemporaryDirectory(prefix=f"hotswap-tests-{worker}-")
    os.environ["HOTSWAP_HOME"] = services.enter_context(folder)
    os.environ["HOTSWAP_VALKEY_PREFIX"] = f"hotswap-{worker}"


def _let_tests_empty_the_tables(sender: AppConfig, using: str, **_: Any) -> None:
    """Between tests all tables are truncated, which the audit log refuses: not in a test's own
    database. The trigger itself is tested where it is on again.
    """
    if sender.name != "swaps":
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgname = 'audit_no_truncate' AND tgenabled <> 'D'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_no_truncate")


post_migrate.connect(_let_tests_empty_the_tables, dispatch_uid="truncate in tests")
