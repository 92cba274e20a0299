"""Hotswap as the README installs it: two of each process, on a team's own servers."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from hotswap_site.embedded.child import Child
from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS, make_demo_models
from hotswap_site.embedded.envoy import envoy_binary
from hotswap_site.embedded.supervisor import Supervisor
from tests.real import servers, told
from tests.real.network import CONTROL, Machine, machines
from tests.system.fleet import TrafficClient, eventually

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable]
ROUTER_PORTS = (18000, 18001)
NODES, HOSTS = ("edge-1", "edge-2"), ("alpha", "beta")
HOST_TOKEN = "a-token-of-the-hosts"
ADMINISTRATOR = "ada"


@dataclass
class Installation:
    folder: Path
    supervisor: Supervisor
    env: dict[str, str]
    machines: dict[str, Machine]

    # -- what the README has a team run --

    def manage(self, *arguments: str, **env: str) -> str:
        done = subprocess.run(
            [*PYTHON, "manage.py", *arguments],
            cwd=PROJECT,
            env={**_clean(), **self.env, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout + done.stderr

    def start(self, name: str, *argv: str, **env: str) -> None:
        self.supervisor.start(
            Child(name=name, argv=argv, cwd=PROJECT, env=self.env | env), wait=False
        )

    def start_processes(self) -> None:
        for number, port in enumerate(ROUTER_PORTS, 1):
            # The first has the socket that it makes itself, the second one of its own.
            own = {"HOTSWAP_XDS_SOCKET": str(self.folder / "second.sock")} if number > 1 else {}
            self.start(
                f"router-{number}",
                *(*PYTHON, "manage.py", "runrouter"),
                HOTSWAP_XDS_LISTEN=f"{CONTROL}:{port}",
                **own,
            )
        celery = [*PYTHON, "-m", "celery", "-A", "hotswap_site.celery"]
        for number in (1, 2):
            self.start(
                f"worker-{number}",
                *(*celery, "worker", "--pool", "threads", "--concurrency", "8"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
                *("--hostname", f"worker-{number}@%h", "--loglevel", "WARNING"),
                HOTSWAP_DATABASE_POOL="20",
            )
            self.start(
                f"console-{number}",
                *(*PYTHON, "manage.py", "runconsole"),
                *("--bind", "127.0.0.1", "--port", str(7999 + number)),
                HOTSWAP_DATABASE_POOL="20",
            )

    def start_node(self, name: str) -> None:
        folder = self.folder / "nodes" / name
        routers = [part for p in ROUTER_PORTS for part in ("--router", f"{CONTROL}:{p}")]
        self.manage("enrolnode", name, "--folder", str(folder), *routers)
        self.supervisor.start(
            Child(
                name=name,
                argv=self.machines[name].argv(str(folder / "start.sh"), "--concurrency", "1"),
                env={"ENVOY": str(envoy_binary())},
            ),
            wait=False,
        )

    def start_host(self, name: str, repository: Path) -> dict[str, Any]:
        machine = self.machines[name]
        bundled = [*PYTHON, "-m", "swaps.bundled_host", "--name", name]
        place = ["--repository", str(repository), "--address", machine.address, "--port", "8003"]
        self.supervisor.start(
            Child(
                name=name,
                argv=machine.argv(*bundled, *place),
                cwd=PROJECT,
                env={"HOTSWAP_HOST_TOKEN": HOST_TOKEN},
            ),
            wait=False,
        )
        url = f"http://{machine.address}:8003"
        return {"name": name, "kind": "bundled", "url": url, "control_token": HOST_TOKEN}

    @contextmanager
    def traffic(self, node: str, rate: float) -> Iterator[TrafficClient]:
        bodies = self.folder / "bodies.json"
        bodies.write_text(json.dumps({"iris": SAMPLE_REQUESTS["iris"]}))
        socket = self.folder / f"traffic-{node}.sock"
        self.supervisor.start(
            Child(
                name=f"traffic-{node}",
                argv=[
                    *(*PYTHON, "-m", "hotswap_site.embedded.traffic", "--rate", str(rate)),
                    *("--router", f"http://{self.machines[node].address}:8080"),
                    *("--socket", str(socket), "--bodies", str(bodies)),
                ],
                cwd=PROJECT,
                ready=socket.exists,
                restart=False,
            )
        )
        try:
            yield TrafficClient(socket)
        finally:
            self.supervisor.stop(f"traffic-{node}")


class Api:
    """REST through the proxy, by the name that the README's settings give."""

    def __init__(self, certificate: Path, token: str) -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        # A certificate that vouches for itself has not all that a strict check wants.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._client = httpx.Client(
            base_url="https://127.0.0.1/",
            headers={"host": servers.NAME, "authorization": f"Bearer {token}"},
            verify=context,
            timeout=60,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._client.request(method, path, extensions={"sni_hostname": servers.NAME}, **more)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.call("POST", f"api/v1/{path}", json=body or {})
        assert answer.is_success, (path, answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            answer = self.call("GET", f"api/v1/{path}")
            found: dict[str, Any] | None = answer.json() if answer.is_success else None
            return found

        return eventually(look, what=f"GET {path}")

    def finished(self, swap_id: str) -> None:
        def look() -> dict[str, Any] | None:
            swap = self.get(f"swaps/{swap_id}")
            return swap if swap["phase"] == "completed" else None

        swap = eventually(look, what=f"end of swap {swap_id}", seconds=240)
        assert swap["state"] == "Completed", swap


def _clean() -> dict[str, str]:
    """Our environment without what the tests' own servers are found by."""
    ours = ("DATABASE_URL", "VALKEY_URL", "DJANGO_")
    return {k: v for k, v in os.environ.items() if not k.startswith((*ours, "HOTSWAP_"))}


@contextmanager
def installed() -> Iterator[tuple[Installation, Path]]:
    """Servers, settings and tables; no process of Hotswap yet. And the proxy's certificate."""
    folder = Path(tempfile.mkdtemp(prefix="hs-real-"))
    folder.chmod(0o755)
    try:
        with (
            machines(*NODES, *HOSTS) as made,
            Supervisor(folder / "logs", stream=None) as supervisor,
        ):
            servers.start_postgres(supervisor, folder / "postgres")
            servers.start_redis(supervisor, folder / "redis")
            env = told.settings(
                DATABASE_URL=servers.database_url("hotswap"),
                VALKEY_URL=servers.valkey_url(),
                HOTSWAP_HOME=str(folder / "home"),
                HOTSWAP_SECRET_KEY=os.urandom(32).hex(),
                HOTSWAP_CREDENTIAL_KEY=os.urandom(32).hex(),
                HOTSWAP_AUDIT_KEY=os.urandom(32).hex(),
                HOTSWAP_TRUSTED_PROXIES="127.0.0.1",
            )
            env["DJANGO_SETTINGS_MODULE"] = "hotswap_site.settings"
            installation = Installation(folder, supervisor, env, made)
            installation.manage("migrate", DATABASE_URL=servers.database_url("hotswap_owner"))
            yield installation, servers.start_nginx(supervisor, folder / "nginx")
    finally:
        if os.environ.get("HOTSWAP_KEEP_LOGS"):
            print(f"logs kept in {folder / 'logs'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def repository(folder: Path) -> Path:
    make_demo_models(folder)
    return folder
