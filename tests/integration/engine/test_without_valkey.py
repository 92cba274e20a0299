"""What only tells may neither fail nor delay what it tells of: Valkey stands still."""

import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.sweeping.duties import duties
from swaps.engine.sweeping.sweeper import Sweeper
from swaps.live import broker
from swaps.live.broker import Message, Sender, broker_trouble, send_soon, when_not_sent
from swaps.live.gauges import read_node_gauges
from swaps.live.valkey import REST_SECONDS, valkey_trouble
from swaps.models import PeriodicDuty, ProcessHeartbeat
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    fresh,
    weights,
)
from tests.integration.engine.valkey_apart import ValkeyApart, valkey_apart

# Far longer than any limit of ours, far shorter than for ever.
SOON_SECONDS = 20.0


@pytest.fixture
def valkey() -> Iterator[ValkeyApart]:
    with valkey_apart() as own:
        yield own


@pytest.fixture
def sweeper(transactional_db: None) -> Iterator[Sweeper]:
    sweeper = Sweeper("a-worker@tests")
    sweeper.start()
    yield sweeper
    sweeper.stop(SOON_SECONDS)


def test_a_message_never_holds_whoever_sends_it(valkey: ValkeyApart) -> None:
    valkey.stands_still()
    not_sent: list[Message] = []
    when_not_sent(not_sent.append)
    ids = [str(uuid.uuid4()) for _ in range(50)]
    began = time.monotonic()
    for one in ids:
        send_soon("swaps.advance", (one,))
    assert time.monotonic() - began < SOON_SECONDS / 2, "one after the other would take longer"
    wait_until(lambda: len(not_sent) == len(ids), "whoever can do without was given them all")
    assert broker_trouble()
    valkey.goes_on()

    def goes_out_again() -> bool:
        send_soon("swaps.advance", (str(uuid.uuid4()),))
        return not broker_trouble()

    wait_until(goes_out_again, "messages go out again")


def test_a_full_queue_drops_what_comes_and_says_so(
    valkey: ValkeyApart, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.stands_still()
    monkeypatch.setattr(broker, "MOST_WAITING", 3)
    not_sent: list[Message] = []
    when_not_sent(not_sent.append)
    sender = Sender()
    messages = [Message("swaps.advance", (str(number),)) for number in range(5)]
    for one in messages:
        sender.send(one, after_seconds=60)
        sender.send(one, after_seconds=60)  # the same once more takes no room
    assert set(not_sent) == set(messages[3:])


def test_live_figures_cost_one_moment_and_not_one_each(valkey: ValkeyApart) -> None:
    wait_until(lambda: valkey_trouble() == "", "nothing is left of an outage before")
    valkey.stands_still()
    began = time.monotonic()
    for _ in range(40):
        assert read_node_gauges(["a-node"]) == [None]
    assert time.monotonic() - began < REST_SECONDS
    assert valkey_trouble()
    valkey.goes_on()
    wait_until(lambda: valkey_trouble() == "", "it is asked again after its rest")


def test_a_swap_is_begun_held_promoted_and_completed_by_postgres_alone(
    alpha: HostOfTests, node: Node, swapper: ModelHotSwapper, valkey: ValkeyApart
) -> None:
    model = a_serving_model(alpha)
    valkey.stands_still()
    sweeper = Sweeper("a-worker@tests")
    sweeper.start()
    try:
        swap = swapper.swap_version(model, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
        wait_until(lambda: weights(model) == {"1.0": 50, "1.1": 50}, "it holds half way")
        apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
        wait_until(lambda: fresh(swap).state == SwapState.COMPLETED, "it completes")
    finally:
        sweeper.stop(SOON_SECONDS)


def test_a_swap_whose_messages_nobody_takes_is_taken_by_the_sweep(
    alpha: HostOfTests, node: Node, swapper: ModelHotSwapper, sweeper: Sweeper
) -> None:
    """They go out, and no worker of Celery hears them: it is connected, and deaf."""
    model = a_serving_model(alpha)
    swap = swapper.swap_version(model, "1.0", "1.1")
    assert not broker_trouble()
    wait_until(lambda: fresh(swap).state == SwapState.COMPLETED, "it completes")


def test_a_worker_says_that_it_lives_and_takes_its_row_along(transactional_db: None) -> None:
    sweeper = Sweeper("a-worker@tests")
    sweeper.start()
    wait_until(lambda: ProcessHeartbeat.objects.filter(name="a-worker@tests").exists(), "a beat")
    assert abs(ProcessHeartbeat.objects.get().clock_ahead_seconds) < SOON_SECONDS
    sweeper.stop(SOON_SECONDS)
    assert not ProcessHeartbeat.objects.exists()


def test_every_duty_is_done_by_one_of_two_workers_and_by_the_other_when_it_ends(
    sweeper: Sweeper,
) -> None:
    other = Sweeper("another-worker@tests")
    other.start()
    wanted = set(duties())

    def all_done() -> bool:
        done = PeriodicDuty.objects.exclude(done_at=None).values_list("name", flat=True)
        return set(done) == wanted

    try:
        wait_until(all_done, "each was done")
        sweeper.stop(SOON_SECONDS)
        PeriodicDuty.objects.update(done_at=None)
        PeriodicDuty.objects.update(taken_at=None)
        wait_until(all_done, "and by the other one alone")
    finally:
        other.stop(SOON_SECONDS)


def test_a_database_clock_that_was_put_back_holds_no_duty_up(sweeper: Sweeper) -> None:
    wait_until(lambda: PeriodicDuty.objects.exclude(done_at=None).exists(), "it works")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE swaps_periodicduty SET taken_at = now() + interval '1 hour', done_at = NULL"
        )
    wait_until(lambda: PeriodicDuty.objects.get(name="sweep").done_at, "it is swept all the same")


def test_a_duty_that_fails_is_tried_again_and_stops_no_other(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Semaphore(0)

    def fails() -> None:
        tried.release()
        raise RuntimeError("it fails in this test")

    monkeypatch.setattr("swaps.engine.traffic_record.record_traffic", fails)
    sweeper = Sweeper("a-worker@tests")
    sweeper.start()
    try:
        assert tried.acquire(timeout=SOON_SECONDS)
        assert tried.acquire(timeout=SOON_SECONDS), "it is tried again"
        assert PeriodicDuty.objects.get(name="record-traffic").done_at is None
        wait_until(lambda: PeriodicDuty.objects.get(name="sweep").done_at, "others are done")
    finally:
        sweeper.stop(SOON_SECONDS)
