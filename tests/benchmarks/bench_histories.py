"""What pages, calls and sweeps cost when there were a million swaps.

    python -m tests.benchmarks.bench_histories [--swaps 1000000] [--events 5000000] ...

Real Postgres and Valkey of its own, filled by SQL; everything else runs in this process. Prints a
table: milliseconds at the median and the 99th percentile, and how many statements. `--explain`
adds the plan of the slowest statement of each line that takes longer than 100 ms.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.services import _start

SLOW_MS = 100.0


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in {
        "swaps": 100_000, "events": 500_000, "models": 1_000, "hosts": 200, "tries": 20,
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    with ExitStack() as services:
        _start(services)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")
        os.environ["HOTSWAP_ALLOWED_HOSTS"] = "testserver 127.0.0.1"
        import django

        django.setup()
        _measure(options)


def _measure(options: argparse.Namespace) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    began = time.monotonic()
    _fill(options)
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    print(f"{'what':44} {'p50 ms':>9} {'p99 ms':>9} {'statements':>10}", flush=True)
    for what, do in _looks().items():
        took, statements = _time(do, options.tries)
        print(f"{what:44} {took[0]:9.1f} {took[1]:9.1f} {len(statements):10}", flush=True)
        if options.explain and took[0] > SLOW_MS:
            _explain(statements)


def _fill(options: argparse.Namespace) -> None:
    from django.db import connection

    from tests.integration.readings.rows import a_host, a_model, a_node, placed

    hosts = [a_host(f"host-{n:03}", health="healthy") for n in range(options.hosts)]
    for n in range(options.models):
        model = a_model(f"model-{n:04}", weights={"1.0": 100})
        for version in ("1.0", "1.1"):
            placed(model, version, hosts[n % len(hosts)], "ready" if version == "1.0" else "absent")
    a_node()
    sizes = {"swaps": options.swaps, "events": max(1, options.events // options.swaps)}
    with connection.cursor() as cursor:
        cursor.execute(_SWAPS, sizes)
        cursor.execute(_EVENTS, sizes)
        cursor.execute(_SAMPLES)
        cursor.execute("VACUUM ANALYZE")


# Spread over a year; the busy model has a tenth of all, and half of a percent failed.
_SWAPS = """
WITH models AS (
  SELECT array_agg(id ORDER BY id) AS ids, count(*) AS number FROM swaps_servedmodel)
INSERT INTO swaps_swapoperation (id, model_id, from_version, to_version, state, generation,
    strategy, source_hosts, target_hosts, digests, warmup_requests, load_timeout_seconds,
    apply_timeout_seconds, drain_timeout_seconds, on_drain_timeout, keep_warm_seconds, reason,
    requested_by, requesters, needs_approval, queued, abort_requested, paused, promoted_steps,
    promoted_full, bake_ended, forced_by, roll_forward_requested, step_index, state_entered_at,
    revision, cleanup_pending, failure, waiting_for, start_time, end_time, drained_at)
SELECT gen_random_uuid(), models.ids[1 + CASE WHEN n %% 10 = 0 THEN 0 ELSE n %% number END],
    '1.0', '1.1', CASE WHEN n %% 200 = 0 THEN 'Failed' ELSE 'Completed' END, 5,
    '{"name": "all-at-once", "steps": [{"setWeight": 100}]}', '["host-000"]', '["host-000"]', '{}',
    3, 600, 30, 30, 'wait', 0, 'retrained on the data of ' || n %% 365, 'person-' || n %% 50, '[]',
    false, false, '', false, 0, false, false, '', false, 1, at + interval '1 minute', 2, false, '',
    '', at, at + interval '1 minute', at + interval '50 seconds'
  FROM generate_series(1, %(swaps)s) AS n, models,
       LATERAL (SELECT now() - interval '1 hour'
                       - n * (interval '360 days' / %(swaps)s) AS at) AS moments
"""
_EVENTS = """
INSERT INTO swaps_swapevent (swap_id, generation, at, kind, from_state, to_state, actor, source,
    reason, data)
SELECT id, g, start_time + g * interval '5 seconds', 'step', state, state, 'engine', 'engine',
    'all traffic is on 1.1, applied everywhere', '{}'
  FROM (SELECT id, start_time, state FROM swaps_swapoperation ORDER BY start_time) AS swap,
       generate_series(1, %(events)s) AS g
"""
_SAMPLES = """
INSERT INTO swaps_trafficsample (swap_id, at, nodes)
SELECT id, start_time, '' FROM swaps_swapoperation
"""


def _looks() -> dict[str, Callable[[], Any]]:
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from swaps.access.roles import Role
    from swaps.access.tokens import create_token
    from swaps.engine import traffic_record
    from swaps.engine.sweeping import retention
    from swaps.engine.write import store
    from swaps.models import SwapOperation

    person = User.objects.create_superuser("ada")
    person.groups.add(Group.objects.get_or_create(name=Role.ADMINISTRATOR.value)[0])
    console = Client()
    console.force_login(person)

    def token(models: list[str] | None = None) -> dict[str, str]:
        _, plain = create_token(person, name="bench", role=Role.ADMINISTRATOR, models=models)
        return {"Authorization": f"Bearer {plain}"}

    api = Client()
    everything, rare = token(), token(["model-0007"])
    busy, few = token(["model-0000"]), token([f"model-{n:04}" for n in range(0, 30)])
    swap = SwapOperation.objects.order_by("-start_time").first()
    assert swap is not None

    def page(path: str) -> Callable[[], None]:
        def get() -> None:
            answer = console.get(path)
            assert answer.status_code == 200, (path, answer.status_code)

        return get

    def call(path: str, headers: dict[str, str] = everything) -> Callable[[], None]:
        def get() -> None:
            answer = api.get(
                f"/api/v1/{path}" if path != "metrics" else "/metrics", headers=headers
            )
            assert answer.status_code == 200, (path, answer.content)

        return get

    pages = {
        "/": "/", "/models": "/models", "/models/MODEL": "/models/model-0007",
        "/models/BUSY": "/models/model-0000", "/swaps": "/swaps",
        "/swaps?state=Failed": "/swaps?state=Failed", "/swaps?model=": "/swaps?model=model-0007",
        "/swaps?text= (nowhere)": "/swaps?text=nowhere", "/swaps/ID": f"/swaps/{swap.pk}",
        "/swaps/new": "/swaps/new?model=model-0007", "/hosts": "/hosts",
        "/hosts/HOST": "/hosts/host-007", "/router": "/router", "/audit": "/audit",
        "/search": "/search?q=model-0007",
    }  # fmt: skip
    calls = {
        "models": ("models", everything), "models/MODEL": ("models/model-0007", everything),
        "swaps": ("swaps", everything), "swaps?state=Failed": ("swaps?state=Failed", everything),
        "swaps?state=Cancelled (none)": ("swaps?state=Cancelled", everything),
        "swaps?phase=in-progress": ("swaps?phase=in-progress", everything),
        "swaps?model=BUSY": ("swaps?model=model-0000", everything),
        "swaps?requested_by= (nobody)": ("swaps?requested_by=nobody", everything),
        "swaps, a token for one model": ("swaps", rare),
        "swaps, for the busy one": ("swaps", busy), "swaps, for thirty": ("swaps", few),
        "swaps/ID": (f"swaps/{swap.pk}", everything),
        "swaps/ID/events": (f"swaps/{swap.pk}/events", everything),
        "hosts": ("hosts", everything), "router": ("router", everything),
        "metrics": ("metrics", everything), "metrics, for one": ("metrics", rare),
    }  # fmt: skip
    return (
        {f"page {name}": page(path) for name, path in pages.items()}
        | {f"call {name}": call(path, who) for name, (path, who) in calls.items()}
        | {
            "sweep: due": store.due,
            "sweep: record_traffic": traffic_record.record_traffic,
            "sweep: forget_what_is_over": retention.forget_what_is_over,
        }
    )


def _time(do: Callable[[], Any], tries: int) -> tuple[tuple[float, float], list[dict[str, Any]]]:
    from django.db.backends.utils import CursorWrapper

    statements: list[dict[str, Any]] = []
    # Of any thread: a page is not always read in the one that asks for it.
    plain = CursorWrapper.execute

    def counted(self: Any, sql: Any, params: Any = None) -> Any:
        began = time.monotonic()
        try:
            return plain(self, sql, params)
        finally:
            words = self.db.ops.last_executed_query(self.cursor, sql, params)
            statements.append({"sql": words, "time": time.monotonic() - began})

    CursorWrapper.execute = counted  # type: ignore[method-assign]
    try:
        do()
    finally:
        CursorWrapper.execute = plain  # type: ignore[method-assign]
    took = []
    for _ in range(tries):
        began = time.monotonic()
        do()
        took.append((time.monotonic() - began) * 1000)
    took.sort()
    p99 = took[min(len(took) - 1, round(0.99 * len(took)))]
    return (statistics.median(took), p99), statements


def _explain(statements: list[dict[str, Any]]) -> None:
    from django.db import connection

    slowest = max(statements, key=lambda one: float(one["time"]))
    print(f"    {slowest['time']:.3f} s: {slowest['sql'][:2000]}")
    if not slowest["sql"].lstrip().upper().startswith(("SELECT", "WITH")):
        return
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ANALYZE {slowest['sql'].replace('%', '%%')}", [])
        for (line,) in cursor.fetchall():
            print(f"      {line}")


if __name__ == "__main__":
    main()
