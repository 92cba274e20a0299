"""A swap as API, console and live pages show it, from real rows and real gauges."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from swaps.models import DrainProof, DrainWatch, Route, SwapOperation
from swaps.readings.swap.swaps import open_swaps, read_swap, read_swaps
from tests.integration.readings.rows import (
    a_cluster,
    a_host,
    a_model,
    a_node,
    a_swap,
    acked,
    placed,
    shows,
    warm,
)

pytestmark = pytest.mark.django_db


def draining(**changes: Any) -> tuple[SwapOperation, Any, Any]:
    """1.0 drains on one node that applied the route; 1.1 serves."""
    model = a_model(weights={"1.1": 100})
    alpha = a_host()
    placed(model, "1.0", alpha)
    placed(model, "1.1", alpha)
    old, new = a_cluster(model, "1.0"), a_cluster(model, "1.1")
    node = a_node()
    acked(node, model, 1)
    warm(node, new)
    watch = DrainWatch.objects.create(cluster=old, route_revision=1)
    swap = a_swap(
        model,
        state="OldVersionDraining",
        revision=1,
        revision_at=timezone.now(),
        drain_watch=watch,
        source_hosts=["alpha"],
        target_hosts=["alpha"],
        step_index=1,
        **changes,
    )
    return swap, node, (old, new)


def test_says_how_many_requests_it_waits_for_and_how_long() -> None:
    swap, node, (old, new) = draining()
    shows(
        node,
        **{
            old.name: {"active": 2, "pending": 1, "total": 1},
            new.name: {"active": 5, "total": 1},
        },
    )
    reading = read_swap(swap)
    assert reading.in_flight == {"from": 3, "to": 5}
    assert reading.waiting_for is not None
    assert reading.waiting_for.startswith("Waiting for 3 requests on 1.0 to finish, ")
    assert reading.waiting_for.endswith(" s left.")
    assert reading.deadline == swap.drain_deadline


def test_a_node_that_reports_nothing_makes_the_count_unknown_not_zero() -> None:
    swap, node, (old, _) = draining()
    shows(node, **{old.name: {"active": 0, "total": 1}})
    assert read_swap(swap).in_flight["from"] == 0
    other = a_node("edge-2")
    acked(other, swap.model, 1)
    assert read_swap(swap).in_flight["from"] is None


def test_a_gauge_never_touched_is_zero_only_beside_the_membership() -> None:
    swap, node, (old, _) = draining()
    shows(node, **{old.name: {"total": 1}})
    assert read_swap(swap).in_flight["from"] == 0
    shows(node, **{old.name: {"active": 0}})
    assert read_swap(swap).in_flight["from"] is None


def test_without_a_node_nothing_is_applied_and_nothing_is_counted() -> None:
    model = a_model(weights={"1.0": 100})
    a_cluster(model, "1.0")
    reading = read_swap(a_swap(model, state="Transitioning"))
    assert reading.weights.applied is None
    assert reading.in_flight == {"from": None, "to": None}


def test_weights_are_applied_when_every_required_node_acked() -> None:
    swap, *_ = draining()
    assert read_swap(swap).weights.applied == {"1.1": 100}
    away = a_node("edge-2", state="away")
    assert read_swap(swap).weights.applied is None
    acked(away, swap.model, 1)
    assert read_swap(swap).weights.applied == {"1.1": 100}
    a_node("edge-3", state="reaped")
    assert read_swap(swap).weights.applied == {"1.1": 100}
    Route.objects.filter(model=swap.model).update(revision=2)
    assert read_swap(swap).weights.applied is None
    assert read_swap(swap).weights.requested == {"1.1": 100}


def test_idle_but_unproven_names_the_node() -> None:
    swap, node, (old, _) = draining()
    shows(node, **{old.name: {"total": 1}})
    reading = read_swap(swap)
    assert reading.waiting_for == "1.0 has no request in flight; waiting for the proof of edge-1."
    assert [n.proven for n in reading.nodes] == [False]
    DrainProof.objects.create(
        watch=swap.drain_watch, incarnation=node, stream=node.stream, flushes=3
    )
    assert [n.proven for n in read_swap(swap).nodes] == [True]


def test_holds_count_down() -> None:
    model = a_model(weights={"1.0": 75, "1.1": 25})
    node = a_node()
    acked(node, model, 1)
    swap = a_swap(
        model,
        state="Transitioning",
        strategy={
            "name": "canary",
            "steps": [{"setWeight": 25}, {"pause": {"duration": 600}}, {"setWeight": 50}],
        },
        step_index=1,
        step_entered_at=timezone.now(),
    )
    reading = read_swap(swap)
    assert [(step.kind, step.status) for step in reading.steps] == [
        ("set-weight", "done"),
        ("hold", "current"),
        ("set-weight", "pending"),
        ("set-weight", "pending"),
    ]
    assert reading.waiting_for is not None
    assert reading.waiting_for.startswith("Holding at 25 % for ")
    assert reading.waiting_for.endswith(" more, then 50 %.")


def test_a_swap_that_is_over_tells_who_served_at_its_end() -> None:
    model = a_model(weights={"1.0": 100})
    ended = {"end_time": timezone.now()}
    completed = a_swap(model, state="Completed", revision=0, **ended)
    failed = a_swap(model, state="Failed", error_message="no such file", **ended)
    reading = read_swap(completed)
    assert (reading.phase, reading.weights.applied) == ("completed", {"1.1": 100})
    assert reading.waiting_for is None
    assert reading.error_message is None
    reading = read_swap(failed)
    assert (reading.error_message, reading.weights.requested) == ("no such file", {"1.0": 100})
    assert reading.in_flight == {"from": None, "to": None}


def test_commands_tell_why_not() -> None:
    swap, *_ = draining()
    commands = read_swap(swap).commands
    assert commands["rollback"] is None
    assert commands["cancel"] == "traffic has moved already: roll back instead"
    SwapOperation.objects.update(past_return_at=timezone.now())
    swap.refresh_from_db()
    assert "being unloaded" in (read_swap(swap).commands["rollback"] or "")


def test_json_is_what_rest_promises() -> None:
    swap, *_ = draining()
    answer = read_swap(swap).as_json()
    assert json.loads(json.dumps(answer)) == answer
    assert answer["id"] == str(swap.pk)
    assert answer["start_time"].endswith("Z")
    assert answer["end_time"] is None
    assert set(answer["weights"]) == {"requested", "applied", "observed"}
    assert set(answer["in_flight"]) == {"from", "to"}


def test_observed_weights_are_shares_of_the_answers_since() -> None:
    swap, node, (old, new) = draining()
    deadline = timezone.now() + timedelta(seconds=20)
    old_answers = new_answers = 0
    observed = None
    while observed is None and timezone.now() < deadline:
        old_answers, new_answers = old_answers + 1, new_answers + 3
        shows(
            node,
            **{
                old.name: {"total": 1, "rq_2xx": old_answers},
                new.name: {"total": 1, "rq_2xx": new_answers},
            },
        )
        observed = read_swap(swap).weights.observed
    assert observed == {"1.0": 25.0, "1.1": 75.0}


def test_a_list_costs_no_more_queries_than_one(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        model = a_model(f"model-{number}", weights={"1.0": 100})
        placed(model, "1.0", a_host(f"host-{number}"))
        a_swap(model, state="Transitioning")
        a_swap(model, queued=True)
    acked(a_node(), model, 1)
    with django_assert_max_num_queries(9):
        page = read_swaps()
    assert len(page.items) == 10
    with django_assert_max_num_queries(9):
        assert len(open_swaps()) == 10


def test_pages_walk_through_all_swaps_once() -> None:
    model = a_model()
    made = {a_swap(model, queued=True).pk for _ in range(7)}
    seen, cursor = [], None
    while True:
        page = read_swaps(model="iris", cursor=cursor, limit=3)
        seen += [reading.id for reading in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == 7
    assert set(seen) == made
    assert read_swaps(state="Completed").items == []


def test_place_in_line() -> None:
    model = a_model()
    a_swap(model, state="LoadingNewVersion")
    a_swap(model, queued=True)
    second = a_swap(model, queued=True)
    reading = read_swap(second)
    assert reading.queue_position == 2
    assert reading.waiting_for == "Waiting in line, number 2: one swap of iris at a time."
