"""Real Postgres and Valkey for the tests, started before Django's settings are read.

Loaded with `-p tests.services`. Only the controlling process starts them; xdist's workers
inherit its environment. Whoever has servers of their own sets DATABASE_URL and VALKEY_URL.
"""

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

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
        os.environ["DATABASE_URL"] = default_owner_database_url(home)
    if "VALKEY_URL" in wanted:
        start_valkey(supervisor, home)
        os.environ["VALKEY_URL"] = default_valkey_url(home)
