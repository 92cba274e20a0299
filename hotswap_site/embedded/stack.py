"""Every process of Hotswap as children of one supervisor: what `make demo` and the system
tests run. On a unix socket where it can be, on loopback where it must.
"""

import hashlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotswap_site.embedded.child import Child, Exit
from hotswap_site.embedded.claim import claim
from hotswap_site.embedded.envoy import envoy_child, envoy_serves
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.leftovers import end_leftovers
from hotswap_site.embedded.paths import (
    HotswapHome,
    default_database_url,
    default_owner_database_url,
    default_valkey_url,
)
from hotswap_site.embedded.ports import check_port_free, free_port
from hotswap_site.embedded.postgres import start_postgres
from hotswap_site.embedded.supervisor import Supervisor
from hotswap_site.embedded.valkey import start_valkey
from hotswap_site.router_limits import body_mib, flush_ms, memory_mib
from swaps.router.xds.bootstrap import bootstrap
from swaps.router.xds.control_cluster import Sockets

PROJECT = Path(__file__).resolve().parents[2]
NODE = "edge-1"
WORKER_THREADS = 8
# An Envoy that was killed is back within two; on a machine that does other things, later.
BACK_SECONDS = 20.0
# Those of its tasks, of its sweep, and of its rounds at hosts.
WORKER_CONNECTIONS = WORKER_THREADS + 12


@dataclass
class Stack:
    """Start with `start_services`, then `start_hosts`, then `start_control_plane`."""

    home: HotswapHome
    supervisor: Supervisor
    console_port: int
    router_port: int
    workers: int = 1
    # Services somebody else runs; None starts our own.
    external_database_url: str | None = None
    external_owner_database_url: str | None = None  # None: the same role may migrate
    external_valkey_url: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    # Added for a single process, by its name.
    process_env: dict[str, Mapping[str, str]] = field(default_factory=dict)
    # Of each start of our Envoy, by its number: the kernel tells us of ends, by number too.
    _nonces: dict[int, str] = field(default_factory=dict)

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.console_port}"

    @property
    def router_url(self) -> str:
        return f"http://127.0.0.1:{self.router_port}"

    @property
    def node(self) -> str:
        """Our Envoy's name. On a shared database each home's is another: their locks are too."""
        if self.external_database_url is None:
            return NODE
        return f"{NODE}-{hashlib.sha256(os.fsencode(self.home.path)).hexdigest()[:8]}"

    def claim_home(self) -> None:
        """Hold the home against a second run, and end what a killed one left in it.

        Raises EmbeddedError when another run has it.
        """
        self.supervisor.hold(claim(self.home.path / "stack", "Hotswap"))
        for pid in end_leftovers(self.home.logs):
            self.supervisor.say(f"ended process {pid}, left by the run before")

    def check_ports(self) -> None:
        """Raises EmbeddedError when another program has one of ours."""
        check_port_free(self.console_port, setting="HOTSWAP_CONSOLE_PORT")
        check_port_free(self.router_port, setting="HOTSWAP_ROUTER_PORT")

    # -- what keeps the state --

    def start_services(self) -> None:
        """Postgres and Valkey, unless others are given; then the migrations."""
        database = self.external_database_url or default_database_url(self.home)
        owner = self.external_owner_database_url or self.external_database_url
        if self.external_database_url is None:
            start_postgres(self.supervisor, self.home)
            owner = default_owner_database_url(self.home)
        if self.external_valkey_url is None:
            start_valkey(self.supervisor, self.home)
        self.env |= {
            "DATABASE_URL": database,
            "VALKEY_URL": self.external_valkey_url or default_valkey_url(self.home),
            "HOTSWAP_HOME": str(self.home.path),
            "HOTSWAP_ROUTER_PORT": str(self.router_port),
            "HOTSWAP_CONSOLE_PORT": str(self.console_port),
            "DJANGO_SETTINGS_MODULE": "hotswap_site.settings",
            "HOTSWAP_XDS_SOCKET": str(self.home.socket("xds")),
            "PYTHONUNBUFFERED": "1",
        }
        # As the role that owns the tables; the application's own may not change them.
        self.manage("migrate", "--verbosity", "0", env={"DATABASE_URL": owner or database})

    # -- model hosts --

    def start_hosts(self, repositories: Mapping[str, Path]) -> list[dict[str, str]]:
        """Bundled model hosts, by name with their folder; as `provision` wants them.

        Each keeps the port and token it was registered with.
        """
        hosts = []
        for name, repository in repositories.items():
            place = _kept(self.home.path / "hosts" / f"{name}.json")
            port = int(place["port"])
            check_port_free(
                port, setting="HOTSWAP_HOME, for the host was registered with this one,"
            )
            self.supervisor.start(
                Child(
                    name=name,
                    argv=[
                        *(sys.executable, "-m", "swaps.bundled_host", "--name", name),
                        *("--repository", str(repository), "--port", str(port)),
                        *("--max-body-bytes", str(body_mib() << 20)),
                    ],
                    env={"HOTSWAP_HOST_TOKEN": str(place["token"]), "PYTHONUNBUFFERED": "1"},
                    cwd=PROJECT,
                    ready=lambda port=port: _answers(f"http://127.0.0.1:{port}/v2/health/live"),  # type: ignore[misc]
                )
            )
            hosts.append(
                {
                    "name": name,
                    "kind": "bundled",
                    "url": f"http://127.0.0.1:{port}",
                    "control_token": str(place["token"]),
                }
            )
        return hosts

    # -- the control plane and the data plane --

    def start_control_plane(self) -> None:
        python = sys.executable
        celery = [python, "-m", "celery", "--quiet", "-A", "hotswap_site.celery"]
        self._start(
            "router",
            [python, "manage.py", "runrouter"],
            ready=lambda: _accepts(self.home.socket("xds")),
        )
        for number in range(1, self.workers + 1):
            self._start(
                "worker" if number == 1 else f"worker-{number}",
                [
                    *(*celery, "worker", "--pool", "threads"),
                    *("--concurrency", str(WORKER_THREADS), "--loglevel", "WARNING"),
                    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
                    *("--hostname", f"worker-{number}@%h"),
                ],
                HOTSWAP_DATABASE_POOL=str(WORKER_CONNECTIONS),
            )
        self.start_console()
        # An Envoy without its router process only fills the log with that.
        self.supervisor.wait_ready("router")
        self._start_node()
        self.supervisor.wait_ready("console")

    def start_console(self, *, database_pool: int = 20) -> None:
        """Without waiting: whoever needs it waits until "console" is ready."""
        self._start(
            "console",
            [
                *(sys.executable, "manage.py", "runconsole"),
                *("--bind", "127.0.0.1", "--port", str(self.console_port)),
            ],
            ready=lambda: _answers(f"{self.console_url}/healthz"),
            HOTSWAP_DATABASE_POOL=str(database_pool),
        )

    def _start(self, name: str, argv: list[str], *, ready: Any = None, **env: str) -> None:
        """Without waiting: they start side by side."""
        env = {**self.env, **env, **self.process_env.get(name, {})}
        self.supervisor.start(
            Child(name=name, argv=argv, env=env, cwd=PROJECT, ready=ready), wait=False
        )

    def _start_node(self) -> None:
        node = self.node
        admin = self.home.socket(f"{node}-admin")
        xds = self.home.socket("xds")

        def content() -> Mapping[str, object]:
            nonce = uuid.uuid4().hex
            self._nonces[self.supervisor.starts(node) + 1] = nonce
            try:
                return bootstrap(
                    node_id=node,
                    nonce=nonce,
                    alone=True,
                    listen_address="127.0.0.1",
                    listen_port=self.router_port,
                    admin_socket=admin,
                    routers=Sockets([xds]),
                    memory_mib=memory_mib(),
                    flush_interval_ms=flush_ms(),
                )
            except ValueError as error:
                raise EmbeddedError(f"HOTSWAP_ROUTER_FLUSH_MS: {error}") from None

        self.supervisor.start(
            envoy_child(
                self.home,
                content,
                admin_socket=admin,
                name=node,
                lock=self.home.bootstrap / f"{node}.lock",
                concurrency=2,
                ready=lambda: envoy_serves(admin),
            )
        )

    def on_exit(self, ended: Exit) -> None:
        """A dead Envoy sends nothing any more: its incarnation holds up no drain.

        The next one says so itself, by the lock that it holds, and quicker than a start of
        Django: only where none comes we do.
        """
        if ended.name != self.node:
            return
        nonce = self._nonces.pop(ended.start)
        if ended.again and self.supervisor.is_back(ended, timeout_seconds=BACK_SECONDS):
            return
        self.manage("reapnode", nonce, "--reason", f"its supervisor saw: {ended.how}")

    # -- an inference client --

    def start_traffic(
        self,
        name: str,
        bodies: Mapping[str, Any],
        *,
        rate: float,
        most_in_flight: int = 256,
        restart: bool = True,
    ) -> Path:
        """Steady calls of the models in `bodies`; returns the socket that answers questions.

        See hotswap_site.embedded.traffic.
        """
        file = self.home.path / f"{name}.json"
        file.write_text(json.dumps(bodies))
        answers = self.home.socket(name)
        self.supervisor.start(
            Child(
                name=name,
                argv=[
                    *(sys.executable, "-m", "hotswap_site.embedded.traffic"),
                    *("--router", self.router_url, "--socket", str(answers)),
                    *("--bodies", str(file), "--rate", str(rate)),
                    *("--most-in-flight", str(most_in_flight)),
                ],
                cwd=PROJECT,
                # Not that its file is there: one may be left by a run that was killed.
                ready=lambda: _accepts(answers),
                restart=restart,
            )
        )
        return answers

    # -- Django's commands --

    def manage(
        self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a management command to its end. Raises EmbeddedError with its last words."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env={**os.environ, **self.env, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedError(
                f"manage.py {arguments[0]} failed: {_last_words(done.stderr or done.stdout)}"
            )
        return done.stdout


def _last_words(output: str) -> str:
    """What a command died of: the last line that names an error, not the caret below it."""
    lines = [line.strip() for line in output.splitlines() if line.strip(" ^~")]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (named or lines or ["it said nothing"])[-1]


def _kept(path: Path) -> dict[str, Any]:
    """A host's port and control token, chosen once for this home."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        found = {"port": free_port(), "token": secrets.token_urlsafe(32)}
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(found, file)
    except OSError as error:
        raise EmbeddedError(f"{path} cannot be read ({error.strerror}).") from error
    return found


def _accepts(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(path))
    except OSError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback URL
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
