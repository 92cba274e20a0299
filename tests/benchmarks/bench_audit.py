"""How quickly the audit log is found in and exported when it is long.

    python -m tests.benchmarks.bench_audit [--entries 1000000]

All real processes; the entries are made by SQL as the database's superuser, so they are not
sealed. Prints one JSON object: milliseconds of one page by each filter, through REST; seconds
and bytes of both exports, Daphne's memory before and at its most, how long somebody else's
call took meanwhile; and memory with a reader who takes his time.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from hotswap_site.embedded.paths import DATABASE
from hotswap_site.embedded.postgres import SUPERUSER
from tests.benchmarks.bench_websockets import _cpu_seconds, _daphne
from tests.system.fleet import Fleet, running_fleet

# One entry a second, the newest now. What is rare is once in 50,000.
MADE = """
    INSERT INTO swaps_auditentry (at, actor, role, source, token, address, request_id, action,
        object_kind, object_name, swap, outcome, reason, before, after, nonce, key_id, signature)
    SELECT now() - (%(entries)s - n) * interval '1 second',
        CASE WHEN n %% 50000 = 0 THEN 'rare' ELSE 'person-' || n %% 20 END,
        CASE WHEN n %% 50000 = 0 THEN '' ELSE 'operator' END,
        CASE WHEN n %% 50000 = 0 THEN 'admin' WHEN n %% 2 = 0 THEN 'API' ELSE 'console' END,
        CASE WHEN n %% 50000 = 0 THEN 'hs_rare1234' ELSE 'hs_' || n %% 300 END,
        ('192.0.' || n / 256 %% 100 || '.' || n %% 256)::inet,
        'request-' || n,
        CASE WHEN n %% 50000 = 0 THEN 'force-unload' ELSE 'swap' END,
        CASE WHEN n %% 50000 = 0 THEN 'node' ELSE 'model' END,
        'model-' || n %% 500,
        CASE WHEN n %% 3 = 0 THEN gen_random_uuid() END,
        CASE WHEN n %% 50000 = 0 THEN 'refused' ELSE 'done' END,
        CASE WHEN n %% 50000 = 0 THEN 'the needle in the hay'
             ELSE 'retrained on the data of ' || n %% 365 END,
        '{"serving": "1.0"}', '{"serving": "1.1", "strategy": "canary", "drain_seconds": 30}',
        gen_random_uuid(), 'none', repeat('0', 64)
      FROM generate_series(1, %(entries)s) AS n
"""
FILTERS = {
    "nothing": {},
    "actor": {"actor": "rare"},
    "role": {"role": "none"},
    "source": {"source": "admin"},
    "token": {"token": "hs_rare1234"},
    "address": {"address": "192.0.7.7"},
    "a network": {"address": "192.0.7.0/24"},
    "request_id": {"request_id": "request-5"},
    "action": {"action": "force-unload"},
    "object_kind": {"object_kind": "node"},
    "object_name": {"object_name": "model-7"},
    "outcome": {"outcome": "refused"},
    "reason, rare": {"reason": "needle"},
    "reason, in most": {"reason": "retrained"},
    "reason, in none": {"reason": "nowhere at all"},
    "the last hour": {"since": "1h"},
    "one old hour": {"since": "10d", "until": "239h"},
    "before the oldest": {"until": "2020-01-01"},
    "actor and none of it": {"actor": "person-3", "outcome": "refused"},
    "swap that is not": {"swap": "0b5f6b4e-4c86-4f6c-9a3d-1f7a1c0c7f11"},
}
TRIES = 3
SLOW_SECONDS = 10.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    options = parser.parse_args()
    with running_fleet() as fleet:
        _make(fleet, options.entries)
        measured = {
            "page_ms": {name: _page_ms(fleet, query) for name, query in FILTERS.items()},
            "csv": _export(fleet, "csv"),
            "jsonl": _export(fleet, "jsonl"),
            "slow_reader": _slow_reader(fleet),
        }
        print(json.dumps(measured, indent=2))


def _make(fleet: Fleet, entries: int) -> None:
    with psycopg.connect(
        host=str(fleet.stack.home.postgres_sockets),
        dbname=DATABASE,
        user=SUPERUSER,
        autocommit=True,
    ) as superuser:
        # A million entries in the line for a seal would keep the sealer busy meanwhile.
        superuser.execute("ALTER TABLE swaps_auditentry DISABLE TRIGGER audit_wait_for_seal")
        superuser.execute(MADE, {"entries": entries})
        superuser.execute("ALTER TABLE swaps_auditentry ENABLE TRIGGER audit_wait_for_seal")
        superuser.execute("VACUUM ANALYZE swaps_auditentry")


def _page_ms(fleet: Fleet, query: dict[str, str]) -> float:
    took = []
    for _ in range(TRIES):
        began = time.monotonic()
        answer = fleet.api.get("audit", params=query)
        took.append((time.monotonic() - began) * 1000)
        assert answer.status_code == 200, answer.text
    return round(statistics.median(took), 1)


class _Memory:
    def __init__(self) -> None:
        self.process = _daphne()
        self.before_mib = self.most_mib = self.now_mib()

    def now_mib(self) -> float:
        return float(self.process.memory_info().rss / 2**20)

    def look(self) -> None:
        self.most_mib = max(self.most_mib, self.now_mib())

    def as_json(self) -> dict[str, float]:
        return {"before_mib": round(self.before_mib, 1), "most_mib": round(self.most_mib, 1)}


@contextmanager
def _somebody_else(fleet: Fleet, took_ms: list[float]) -> Iterator[None]:
    """Looks at a model twenty times a second."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(headers=fleet.api.headers, trust_env=False, timeout=60) as client:
            while not over.wait(0.05):
                began = time.monotonic()
                client.get(f"{fleet.stack.console_url}/api/v1/models/iris").raise_for_status()
                took_ms.append((time.monotonic() - began) * 1000)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _export(fleet: Fleet, form: str) -> dict[str, Any]:
    memory, took_ms = _Memory(), [0.0]
    began, size, lines = time.monotonic(), 0, 0
    with (
        _somebody_else(fleet, took_ms),
        fleet.api.stream("GET", "audit/export", params={"format": form}) as answer,
    ):
        for piece in answer.iter_raw():
            size, lines = size + len(piece), lines + piece.count(b"\n")
            memory.look()
    return {
        "seconds": round(time.monotonic() - began, 1),
        "lines": lines,
        "megabytes": round(size / 1e6, 1),
        "somebody_elses_call_ms": {
            "p50": round(statistics.median(took_ms), 1),
            "max": round(max(took_ms), 1),
        },
    } | memory.as_json()


def _slow_reader(fleet: Fleet) -> dict[str, Any]:
    """Takes 64 kB a tenth of a second, then hangs up: what does Daphne do after that?"""
    memory = _Memory()
    with fleet.api.stream("GET", "audit/export") as answer:
        until = time.monotonic() + SLOW_SECONDS
        for _ in answer.iter_raw(65536):
            memory.look()
            time.sleep(0.1)
            if time.monotonic() > until:
                break
    time.sleep(1)
    used, began = _cpu_seconds(memory.process), time.monotonic()
    time.sleep(5)
    spent = _cpu_seconds(memory.process) - used
    return memory.as_json() | {
        "cpu_percent_after_hanging_up": round(100 * spent / (time.monotonic() - began), 1),
        "threads_after": memory.process.num_threads(),
    }


if __name__ == "__main__":
    main()
