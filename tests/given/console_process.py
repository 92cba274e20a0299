"""A real Daphne in a process of its own, with the tests' database."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from tests.integration.bundled_host.running import REPOSITORY_ROOT, wait_until


class Console:
    """A console process on a port of its own, with the tests' database. Can start again."""

    def __init__(self, log: Path) -> None:
        self._log = log
        # Bound here and handed over: nobody else can take the port, also between two starts.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        database = make_conninfo(
            os.environ["DATABASE_URL"], dbname=str(connection.settings_dict["NAME"])
        )
        environment = os.environ | {
            "DATABASE_URL": database,
            "HOTSWAP_VALKEY_PREFIX": settings.VALKEY_PREFIX,
        }
        listener = self._listener.dup()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "runconsole", "--fd", str(listener.fileno())],
                cwd=REPOSITORY_ROOT,
                env=environment,
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
            )
        listener.close()
        wait_until(self._answers, f"the console's first answer; see {self._log}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the console ended: {self._log.read_text()}"
        try:
            return httpx.get(f"{self.address}/login", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None, "the console was not started"
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        self._listener.close()
