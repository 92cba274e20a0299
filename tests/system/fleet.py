"""All real processes of Hotswap, with two hosts and live traffic, for the system tests."""

import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from hotswap_site.embedded.child import Exit
from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS, make_demo_models
from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.ports import free_port
from hotswap_site.embedded.stack import Stack
from hotswap_site.embedded.supervisor import Supervisor

# A machine of two cores, busy with other things, must not fail a test.
PATIENCE_SECONDS = 90.0


def eventually[T](
    look: Callable[[], T | None], *, what: str, seconds: float = PATIENCE_SECONDS
) -> T:
    """The first truthy value of `look`. Fails, with what was seen last, when none comes."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: still {seen!r} after {seconds:g} s")
        time.sleep(0.02)


@dataclass
class Fleet:
    stack: Stack
    hosts: dict[str, dict[str, str]]
    repositories: dict[str, Path]
    api: httpx.Client
    tokens: dict[str, str]

    # -- what operators do --

    def activate(self, model: str, version: str) -> None:
        answer = self.api.post(f"models/{model}/versions/{version}/activate")
        assert answer.status_code in (200, 202), answer.text
        if answer.status_code == 202:
            self.finished(answer.json()["id"], "Completed")

    def serving(self, model: str) -> str:
        weights: dict[str, int] = self.get(f"models/{model}")["route"]["weights"]
        assert list(weights.values()) == [100], weights
        return next(iter(weights))

    def other(self, model: str) -> str:
        return _other(self.serving(model))

    def swap_body(self, model: str, **fields: Any) -> dict[str, Any]:
        """From what serves to the other version, where `fields` tell of no versions."""
        # A model in mid-swap has no one version that serves.
        if "from_version" not in fields:
            fields["from_version"] = self.serving(model)
        return {"model_name": model, "to_version": _other(fields["from_version"])} | fields

    def start_swap(self, model: str, **fields: Any) -> dict[str, Any]:
        answer = self.api.post("swaps", json=self.swap_body(model, **fields))
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def command(self, swap_id: str, command: str, **body: Any) -> httpx.Response:
        return self.api.post(f"swaps/{swap_id}/{command}", json=body)

    def get(self, path: str) -> dict[str, Any]:
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def reaches(self, swap_id: str, *states: str) -> dict[str, Any]:
        """Wait until the swap is in one of these states."""

        def look() -> dict[str, Any] | None:
            swap = self.get(f"swaps/{swap_id}")
            assert swap["phase"] != "completed" or swap["state"] in states, swap
            return swap if swap["state"] in states else None

        return eventually(look, what=f"swap {swap_id} in {states}")

    def finished(self, swap_id: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            swap = self.get(f"swaps/{swap_id}")
            return swap if swap["phase"] == "completed" else None

        swap = eventually(look, what=f"end of swap {swap_id}")
        assert swap["state"] == state, swap
        return swap

    def end_open_swaps(self) -> None:
        """Wherever they are, and also where a process has just been killed."""

        def ended(model: str) -> bool:
            with suppress(httpx.TransportError):
                answer = self.api.get(f"models/{model}")
                open_swap = answer.json()["open_swap"] if answer.is_success else "unknown"
                if open_swap is None:
                    return True
                for command in ("rollback", "promote", "force-unload"):
                    self.command(open_swap, command)
            time.sleep(0.2)
            return False

        for model in SAMPLE_REQUESTS:
            eventually(partial(ended, model), what=f"no open swap of {model}")

    def events(self, swap_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"swaps/{swap_id}/events")["items"]
        return found

    # -- what clients and hosts see --

    def infer(self, model: str, *, timeout: float = 60.0) -> httpx.Response:
        return httpx.post(
            f"{self.stack.router_url}/v2/models/{model}/infer",
            json=SAMPLE_REQUESTS[model],
            timeout=timeout,
            trust_env=False,
        )

    def on_host(self, host: str, model: str, version: str) -> dict[str, Any]:
        """What the host itself says about a version: state, and its own clock's witness."""
        answer = httpx.get(
            f"{self.hosts[host]['url']}/v2/repository/models/{model}/versions/{version}",
            headers={"authorization": f"Bearer {self.hosts[host]['control_token']}"},
            timeout=10,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @contextmanager
    def traffic(
        self, rate: float, *models: str, most_in_flight: int = 256
    ) -> Iterator["TrafficClient"]:
        """Steady calls of these models through the router, until the block ends."""
        name = f"traffic-{secrets.token_hex(3)}"
        # Models that tests add are copies of iris.
        samples = {m: SAMPLE_REQUESTS.get(m, SAMPLE_REQUESTS["iris"]) for m in models}
        path = self.stack.start_traffic(
            name, samples, rate=rate, most_in_flight=most_in_flight, restart=False
        )
        try:
            client = TrafficClient(path)
            eventually(lambda: client.report()["sent"] > 0, what="traffic flows")
            yield client
        finally:
            self.stack.supervisor.stop(name)


def _other(version: str) -> str:
    return "1.1" if version == "1.0" else "1.0"


@dataclass(frozen=True)
class TrafficClient:
    path: Path

    def report(self, *, after_ns: int = 0, model: str = "") -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self.path))
            question = {"after_ns": after_ns, "model": model}
            client.sendall(json.dumps(question).encode() + b"\n")
            found: dict[str, Any] = json.loads(client.makefile("rb").readline())
            return found

    def flows_on(self, calls: int = 50) -> None:
        """Wait until so many more calls were answered."""
        since = time.time_ns()
        eventually(
            lambda: self.report(after_ns=since)["sent"] >= calls, what=f"{calls} more answers"
        )


@contextmanager
def running_fleet(
    *,
    workers: int = 1,
    prepare: Callable[[HotswapHome], None] | None = None,
    process_env: Mapping[str, Mapping[str, str]] | None = None,
    **env: str,
) -> Iterator[Fleet]:
    """Two hosts with repositories of their own; `iris` and `slow` serve 1.0.

    `env`: settings of all processes, `process_env`: of some; `prepare` is called before any
    process is started.
    """
    folder = Path(tempfile.mkdtemp(prefix="hotswap-system-"))
    folder.chmod(0o755)  # Postgres may have to pass as another user
    home = HotswapHome(folder)
    home.create()
    if prepare:
        prepare(home)
    stack: Stack | None = None

    def on_exit(ended: Exit) -> None:
        if stack is not None:
            stack.on_exit(ended)

    try:
        with Supervisor(home.logs, stream=None, on_exit=on_exit) as supervisor:
            stack = Stack(home, supervisor, free_port(), free_port(), workers=workers)
            stack.env |= {"HOTSWAP_RECONCILE_SECONDS": "2"} | env
            stack.process_env |= process_env or {}
            stack.claim_home()
            stack.start_services()
            repositories = {name: folder / f"models-{name}" for name in ("alpha", "beta")}
            make_demo_models(repositories["alpha"])
            shutil.copytree(repositories["alpha"], repositories["beta"])
            hosts = stack.start_hosts(repositories)
            stack.start_control_plane()
            tokens = _provision(stack, hosts)
            with httpx.Client(
                base_url=f"{stack.console_url}/api/v1/",
                headers={"authorization": f"Bearer {tokens['administrator']}"},
                timeout=30,
                trust_env=False,
            ) as api:
                by_name = {host["name"]: host for host in hosts}
                fleet = Fleet(stack, by_name, repositories, api, tokens)
                for model in SAMPLE_REQUESTS:
                    fleet.activate(model, "1.0")
                yield fleet
    finally:
        if os.environ.get("HOTSWAP_KEEP_LOGS"):
            print(f"logs kept in {home.logs}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _provision(stack: Stack, hosts: list[dict[str, str]]) -> dict[str, str]:
    roles = ("viewer", "operator", "administrator")
    document = {
        "hosts": hosts,
        "models": [{"name": n, "sample_request": b} for n, b in SAMPLE_REQUESTS.items()],
        "users": [
            {"username": f"the-{role}", "password": f"a password of the {role}", "role": role}
            for role in roles
        ],
        "tokens": [{"name": role, "username": f"the-{role}", "role": role} for role in roles],
    }
    # What takes two administrators has two.
    second = {"username": "the-second", "role": "administrator"}
    document["users"].append(second | {"password": "a password of the second"})
    document["tokens"].append(second | {"name": "second"})
    answer = json.loads(stack.manage("provision", stdin=json.dumps(document)))
    tokens: dict[str, str] = answer["tokens"]
    return tokens
