"""The falsifier: can a request reach the old version after its drain proof?

`HOTSWAP_FALSIFIER_FLIPS` and `HOTSWAP_FALSIFIER_RATE` make it longer and heavier.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.router.parts import REPOSITORY, EnvoyNode, a_model
from tests.system.falsifier.flips import Evidence, Flips, bare_ack, proof
from tests.system.falsifier.witness import Late, late_requests, read_log

FLIPS = int(os.environ.get("HOTSWAP_FALSIFIER_FLIPS", "200"))
RATE = float(os.environ.get("HOTSWAP_FALSIFIER_RATE", "800"))
CONNECTIONS = 64
# More workers than the machine has cores: some always wait for their turn.
WORKERS = 4
# Long enough to see what comes late: 107 ms was the latest seen.
PAUSE_AFTER_ACK_MS = 60
# A false claim is caught within this many flips as a rule; on a bad day it takes more.
LOOK_EVERY = 20
PAUSE_AFTER_PROOF_MS = 20


@dataclass
class Run:
    """What one run saw."""

    late: list[Late]
    claims: int
    executed: int
    clients: dict[str, Any]
    took_ms: list[float]

    def __str__(self) -> str:
        took = sorted(self.took_ms)
        return (
            f"{self.claims} flips, {self.executed} requests on the host,"
            f" clients {self.clients}, {len(self.late)} late,"
            f" commit → claim p50 {took[len(took) // 2]:.1f}"
            f" p99 {took[int(len(took) * 0.99)]:.1f} ms"
        )


@contextmanager
def running(module: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_flips(
    envoy: EnvoyNode,
    upstream: int,
    log: Path,
    *,
    evidence: Evidence,
    pause_ms: float,
    flips: int,
    stop_when_caught: bool = False,
) -> Run:
    route = a_model("iris")
    infer, unknown = "/v2/models/iris/infer", "/v2/models/iris/unknown"
    with running("tests.system.falsifier.bursts", envoy.port, unknown) as bursts:

        def make_busy() -> None:
            assert bursts.stdin is not None
            bursts.stdin.write(b"\n")
            bursts.stdin.flush()

        driver = Flips(route, envoy, upstream, evidence, make_busy, pause_ms)
        driver.begin()
        load = ("tests.system.falsifier.load", envoy.port, infer, CONNECTIONS, RATE)
        with running(*load) as clients:
            for number in range(flips):
                driver.flip(number)
                if stop_when_caught and number % LOOK_EVERY == LOOK_EVERY - 1:
                    late = late_requests(driver.claims, read_log(log))
                    if any(one.started_after for one in late):
                        break
            output, _ = clients.communicate(timeout=120)
    executed = read_log(log)
    return Run(
        late=late_requests(driver.claims, executed),
        claims=len(driver.claims),
        executed=len(executed),
        clients=json.loads(output),
        took_ms=driver.took_ms,
    )


def test_no_request_reaches_the_old_version_after_its_proof(
    new_envoy: Callable[..., EnvoyNode], upstream: int, sockets: Path
) -> None:
    run = run_flips(
        new_envoy(concurrency=WORKERS),
        upstream,
        sockets / "upstream.log",
        evidence=proof,
        pause_ms=PAUSE_AFTER_PROOF_MS,
        flips=FLIPS,
    )
    print(run)
    assert run.claims == FLIPS
    assert run.executed > FLIPS, "there was hardly any load, so the run shows nothing"
    assert run.clients["failed"] == 0, run.clients
    assert not run.late, "\n".join(map(str, run.late[:20]))


def test_a_bare_ack_in_place_of_the_proof_is_caught(
    new_envoy: Callable[..., EnvoyNode], upstream: int, sockets: Path
) -> None:
    run = run_flips(
        new_envoy(concurrency=WORKERS),
        upstream,
        sockets / "upstream.log",
        evidence=bare_ack,
        pause_ms=PAUSE_AFTER_ACK_MS,
        flips=2 * FLIPS,
        stop_when_caught=True,
    )
    print(run)
    began_late = [late for late in run.late if late.started_after]
    worst = max(began_late, key=lambda one: one.request.start_ns - one.claim.since_ns, default=None)
    print(f"{len(began_late)} began after the ACK; the latest {worst}")
    assert began_late, f"the falsifier would not notice a false claim: {run}"
