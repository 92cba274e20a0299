"""Inference clients: what requests through a real Envoy are answered with."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.integration.bundled_host.running import wait_until
from tests.integration.router.parts import Answer, EnvoyNode, request


def infer(
    envoy: EnvoyNode, model: str, kind: str = "iris", headers: Mapping[str, str] | None = None
) -> Answer:
    body = json.dumps(SAMPLE_REQUESTS[kind]).encode()
    sent = {"content-type": "application/json"} | dict(headers or {})
    return asyncio.run(request(envoy.port, "POST", f"/v2/models/{model}/infer", body, sent))


@dataclass(frozen=True, slots=True)
class Call:
    began: float  # of time.monotonic
    ended: float
    status: int
    text: str


@dataclass
class Callers:
    """`many` clients, each of whom asks again as soon as it has its answer."""

    envoy: EnvoyNode
    model: str
    many: int = 3
    calls: list[Call] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                answer = infer(self.envoy, self.model)
                status, text = answer.status, answer.body.decode(errors="replace")[:200]
            except (OSError, EOFError) as error:
                status, text = 0, repr(error)
            self.calls.append(Call(began, time.monotonic(), status, text))

    def more(self, calls: int = 30) -> None:
        """Wait until so many that begin from now on have their answer."""
        now = time.monotonic()
        wait_until(
            lambda: sum(call.began > now for call in list(self.calls)) >= calls,
            f"{calls} more answers",
        )

    def failed(self) -> list[Call]:
        return [call for call in list(self.calls) if call.status != 200]


@contextmanager
def callers(envoy: EnvoyNode, model: str, many: int = 3) -> Iterator[Callers]:
    clients = Callers(envoy, model, many)
    threads = [threading.Thread(target=clients._run) for _ in range(many)]
    for thread in threads:
        thread.start()
    try:
        clients.more()
        yield clients
    finally:
        clients._over.set()
        for thread in threads:
            thread.join()
