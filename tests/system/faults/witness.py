"""What became of the requests, the hosts and the records, once a fault is over."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from hotswap_site.embedded.errors import EmbeddedError
from tests.system.fleet import Fleet, TrafficClient, eventually

SMALL_A_SECOND = 50.0
LARGE_A_SECOND = 0.5
LARGE_ROWS = 10_000  # of iris: about 200 kB
SLOW_A_SECOND = 0.1
SETTLE_SECONDS = 60.0
GONE = {"available", "absent", "failed"}


@dataclass
class Losses:
    """Calls that had no answer: on the process that was hit, and elsewhere."""

    sent: int = 0
    on_it: int = 0
    elsewhere: int = 0
    words: list[str] = field(default_factory=list)


class MixedTraffic:
    """Small calls, large ones, and some that take seconds; clients that never repeat a call."""

    def __init__(self, clients: Sequence[TrafficClient]) -> None:
        self._clients = clients

    def losses(self, since_ns: int, excused: tuple[int, int] | None) -> Losses:
        """Of the calls sent since; `excused`: those sent in between may be lost with a process."""
        self._settle()
        found = Losses()
        for client in self._clients:
            report = client.report(after_ns=since_ns)
            found.sent += report["sent"]
            for sent_ns in report["failed_sent_ns"]:
                if excused and excused[0] <= sent_ns <= excused[1]:
                    found.on_it += 1
                else:
                    found.elsewhere += 1
            found.words += report["failures"]
        return found

    def flows(self) -> None:
        """Wait until a call that is sent now has its answer."""
        self._clients[0].flows_on(10)

    def _settle(self) -> None:
        """Calls under way are neither answered nor lost yet."""
        since = time.time_ns()
        deadline = time.monotonic() + SETTLE_SECONDS
        for client in self._clients:
            while client.report(after_ns=since)["waiting_since_ns"] < since:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.1)


@contextmanager
def mixed_traffic(fleet: Fleet) -> Iterator[MixedTraffic]:
    flower = [5.1, 3.5, 1.4, 0.2]
    large = {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [LARGE_ROWS, 4],
                "data": flower * LARGE_ROWS,
            }
        ]
    }
    kinds: dict[str, tuple[dict[str, object], float]] = {
        "small": ({"iris": SAMPLE_REQUESTS["iris"]}, SMALL_A_SECOND),
        "large": ({"iris": large}, LARGE_A_SECOND),
        "slow": ({"slow": SAMPLE_REQUESTS["slow"]}, SLOW_A_SECOND),
    }
    with ExitStack() as started:
        clients = []
        for name, (bodies, rate) in kinds.items():
            path = fleet.stack.start_traffic(f"calls-{name}", bodies, rate=rate, restart=False)
            started.callback(fleet.stack.supervisor.stop, f"calls-{name}")
            clients.append(TrafficClient(path))
        traffic = MixedTraffic(clients)
        traffic.flows()
        yield traffic


def serves_alone(fleet: Fleet, model: str, version: str) -> str:
    """A sentence about what is wrong with the route, "" when nothing is."""

    def look() -> bool:
        with suppress(httpx.TransportError, AssertionError):
            route = fleet.get(f"models/{model}")["route"]
            answer = fleet.infer(model)
            return bool(
                route["weights"] == {version: 100}
                and route["applied"] == {version: 100}
                and answer.status_code == 200
                and answer.headers["x-model-version"] == version
            )
        return False

    return _wrong(look, f"{model} {version} does not serve alone, applied everywhere")


def left_behind(fleet: Fleet, model: str, version: str) -> list[str]:
    """What the swap should have cleaned up and did not."""

    def unloaded() -> bool:
        with suppress(httpx.TransportError):
            return {fleet.on_host(h, model, version)["state"] for h in fleet.hosts} <= GONE
        return False

    def nothing_open() -> bool:
        found = fleet.get(f"models/{model}")
        return found["open_swap"] is None and not found["queue"]

    def nodes_known() -> bool:
        return all(
            node["state"] in {"connected", "reaped", "retired"}
            for node in fleet.get("router")["nodes"]
        )

    problems = (
        _wrong(unloaded, f"{model} {version} is still loaded somewhere"),
        _wrong(nothing_open, f"a swap of {model} is still open, or waits"),
        _wrong(nodes_known, "a router node is away that nobody gave up"),
    )
    return [problem for problem in problems if problem]


def unloaded_too_early(fleet: Fleet, model: str, version: str) -> list[str]:
    """By the hosts' own clocks: a last answer that came after the unload began."""
    problems = []
    for host in fleet.hosts:
        seen = fleet.on_host(host, model, version)
        ended, began = seen["last_request_ended_ns"], seen["unload_began_ns"]
        if ended is not None and began is not None and ended > began:
            late = (ended - began) / 1e6
            problems.append(f"{host} answered by {version} {late:.1f} ms after its unload began")
    return problems


def audit_is_whole(fleet: Fleet) -> str:
    try:
        fleet.stack.manage("verify_audit")
    except EmbeddedError as error:
        return str(error)
    return ""


def _wrong(look: object, sentence: str) -> str:
    assert callable(look)
    try:
        eventually(look, what=sentence, seconds=SETTLE_SECONDS)
    except (AssertionError, httpx.HTTPError, json.JSONDecodeError):
        return sentence
    return ""
