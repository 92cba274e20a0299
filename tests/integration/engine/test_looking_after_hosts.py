"""Hosts are looked after side by side, and what serves comes back first."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from swaps.engine.hosts import reconcile as reconciliation
from swaps.engine.hosts.rounds import begin_rounds, reconcile
from swaps.models import ModelHost, Placement
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import (
    a_model,
    a_serving_model,
    is_loaded_again,
    row_of,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]


@contextmanager
def hosts_that_hang(many: int) -> Iterator[list[str]]:
    """They take every connection, and never answer: their names."""
    with ExitStack() as open_sockets:
        names = []
        for number in range(many):
            listening = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            names.append(f"hangs-{number}")
            ModelHost.objects.create(name=names[-1], kind="bundled", url=url)
        yield names


def in_round() -> set[str]:
    return set(ModelHost.objects.exclude(round_until=None).values_list("name", flat=True))


def loads_began(host: HostOfTests) -> list[str]:
    """The models on the host, in the order of their loads."""
    rows = Placement.objects.filter(host__name=host.name, load_called_at__isnull=False)
    return list(rows.order_by("load_called_at").values_list("model__name", flat=True))


def test_a_restarted_host_gets_back_all_that_serves_without_waiting_for_the_next_round(
    mortal: HostOfTests,
) -> None:
    models = [a_serving_model(mortal) for _ in range(4)]
    mortal.restart_empty()
    assert ModelHost.objects.get(name="mortal").max_concurrent_loads == 1
    begin_rounds()  # once
    wait_until(
        lambda: all(is_loaded_again(model, "1.0", mortal) for model in models),
        "all are loaded again",
    )
    wait_until(lambda: not in_round(), "the rounds end with the loads")


def test_what_serves_is_loaded_before_what_is_kept_warm_and_the_most_called_first(
    mortal: HostOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = a_model(mortal)
    seldom, often = [a_serving_model(mortal) for _ in range(2)]
    reconcile()  # it learns of the version that nobody wants
    Placement.objects.filter(model__name=warm, version="1.0", host__name="mortal").update(
        desired="loaded"
    )
    # What routers count is no part of this test.
    calls = {(row_of(often).pk, "1.0"): 900, (row_of(seldom).pk, "1.0"): 10}
    monkeypatch.setattr(reconciliation, "calls_of", lambda _: calls)
    mortal.restart_empty()
    Placement.objects.update(load_called_at=None)
    begin_rounds()
    wait_until(
        lambda: all(is_loaded_again(model, "1.0", mortal) for model in (warm, seldom, often)),
        "all are loaded again",
    )
    assert loads_began(mortal) == [often, seldom, warm]


def test_many_hosts_that_hang_hold_up_neither_their_caller_nor_the_others(
    mortal: HostOfTests,
) -> None:
    iris = a_serving_model(mortal)
    with hosts_that_hang(40) as names:
        ModelHost.objects.filter(name__in=names).update(health="unreachable")
        mortal.restart_empty()
        begin_rounds()
        assert in_round() & set(names), "whoever began the rounds waits for none of them"
        wait_until(lambda: is_loaded_again(iris, "1.0", mortal), "it is loaded again")
        wait_until(lambda: not in_round(), "each hangs for its time")
    assert set(ModelHost.objects.filter(name__in=names).values_list("health", flat=True)) == {
        "unreachable"
    }


def test_rounds_at_one_host_never_overlap(
    mortal: HostOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_serving_model(mortal)
    at_once, most, lock = 0, 0, threading.Lock()
    real = reconciliation.reconcile_host

    def counted(*args: Any, **more: Any) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.05)
        try:
            return real(*args, **more)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr("swaps.engine.hosts.rounds.reconcile_host", counted)
    for _ in range(20):
        begin_rounds()
        time.sleep(0.01)
    wait_until(lambda: not in_round(), "all rounds are over")
    assert most == 1


def test_a_round_of_a_worker_that_died_is_forgotten_after_its_time(mortal: HostOfTests) -> None:
    a_serving_model(mortal)
    mortal.kill()
    died = ModelHost.objects.filter(name="mortal")
    died.update(round_until=Now() + timedelta(seconds=20))
    reconcile()
    assert ModelHost.objects.get(name="mortal").health == "healthy", "somebody looks after it"
    died.update(round_until=Now() - timedelta(seconds=1))
    reconcile()
    assert ModelHost.objects.get(name="mortal").health == "unreachable"
