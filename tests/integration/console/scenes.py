"""States of the world as engine and router leave them, for pages to show.

The rows are real and so is the way they are written: the engine's store, which also tells
the open pages. What is missing is only who would decide, so that a test can stand still at
any moment of a swap.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from swaps.access.roles import ENGINE, Actor, Role
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy
from swaps.engine.write import store
from swaps.live.gauges import publish_node_gauges
from swaps.live.node_pulse import publish_node_pulse
from swaps.models import (
    DrainProof,
    DrainWatch,
    NodeIncarnation,
    Placement,
    Route,
    SwapEvent,
)
from swaps.models.swap_operations import EventKind
from tests.integration.readings.rows import (
    a_cluster,
    a_host,
    a_model,
    a_node,
    a_swap,
    a_worker,
    acked,
    placed,
    warm,
)

OPERATOR = Actor("olga", Role.OPERATOR, "console")
GAUGES_SECONDS = 0.2
CALLS_PER_SECOND = 800


@dataclass
class Fleet:
    """Two hosts, two nodes, `iris` at 1.0, and gauges that keep coming."""

    in_flight: dict[str, int] = field(default_factory=lambda: {"1.0": 6, "1.1": 0})

    def __post_init__(self) -> None:
        self.iris = a_model("iris", weights={"1.0": 100})
        hosts = [a_host("alpha", health="healthy"), a_host("beta", health="healthy")]
        for host in hosts:
            placed(self.iris, "1.0", host)
            placed(self.iris, "1.1", host, "available")
        self.clusters = {v: a_cluster(self.iris, v) for v in ("1.0", "1.1")}
        self.nodes = [a_node("edge-1"), a_node("edge-2")]
        a_worker()
        for node in self.nodes:
            acked(node, self.iris, 1)
        self._answered = {
            (node.nonce, version): 0 for node in self.nodes for version in self.clusters
        }
        self._weights: dict[str, int] = {"1.0": 100}
        self._names = {version: cluster.name for version, cluster in self.clusters.items()}
        self._stop = threading.Event()
        self._speaker = threading.Thread(target=self._speak, daemon=True)
        self._speak_once()
        self._speaker.start()

    def close(self) -> None:
        self._stop.set()
        self._speaker.join()

    def _speak(self) -> None:
        while not self._stop.wait(GAUGES_SECONDS):
            self._speak_once()

    def _speak_once(self) -> None:
        for place, node in enumerate(self.nodes):
            gauges: dict[str, Any] = {}
            for version, name in self._names.items():
                calls = CALLS_PER_SECOND * GAUGES_SECONDS * self._weights.get(version, 0) / 200
                self._answered[node.nonce, version] += int(calls)
                count = self.in_flight.get(version, 0)
                gauges[name] = {
                    "active": count // 2 + (count % 2 if place == 0 else 0),
                    "total": 2,
                    "healthy": 2,
                    "rq_2xx": self._answered[node.nonce, version],
                    **({"p50_ms": 4.1, "p95_ms": 11.6, "p99_ms": 19.0} if calls else {}),
                }
            publish_node_gauges(node.nonce, gauges)
            publish_node_pulse(node.nonce, CALLS_PER_SECOND / 2)

    def weights(self, weights: dict[str, int], *, applied: bool = True) -> int:
        """A new revision of the route; returns it."""
        route = Route.objects.get(model=self.iris)
        route.revision, route.weights, route.committed_at = (
            route.revision + 1,
            weights,
            timezone.now(),
        )
        route.save()
        self.iris.refresh_from_db()
        self._weights = weights
        if applied:
            self.apply()
        return route.revision

    def apply(self) -> None:
        self.iris.refresh_from_db()
        for node in self.nodes:
            acked(node, self.iris, Route.objects.get(model=self.iris).revision)


class SwapScene:
    """One swap of iris, moved by hand from state to state."""

    def __init__(self, fleet: Fleet, strategy: object = "all-at-once", **changes: Any) -> None:
        self.fleet = fleet
        self.row = a_swap(
            fleet.iris,
            strategy=parse_strategy(strategy).as_json(),
            source_hosts=["alpha", "beta"],
            target_hosts=["alpha", "beta"],
            reason="retrained on October data",
            requested_by=OPERATOR.name,
            **changes,
        )
        SwapEvent.objects.create(
            swap=self.row,
            generation=0,
            kind=EventKind.CREATED,
            to_state=SwapState.NOT_STARTED,
            actor=OPERATOR.name,
            source=OPERATOR.source,
            reason="retrained on October data",
        )

    @property
    def path(self) -> str:
        return f"/swaps/{self.row.pk}"

    def write(
        self,
        reason: str,
        *,
        state: SwapState | None = None,
        kind: EventKind | None = None,
        actor: Actor = ENGINE,
        **changes: Any,
    ) -> None:
        with transaction.atomic():
            store.write(
                self.row,
                kind=kind or (EventKind.TRANSITION if state else EventKind.STEP),
                reason=reason,
                actor=actor,
                to_state=state,
                **changes,
            )
        self.row.refresh_from_db()

    def load(self) -> None:
        Placement.objects.filter(version="1.1").update(
            desired="loaded", observed="loading", observed_reason=""
        )
        self.write(
            "loading 1.1 on alpha, beta",
            state=SwapState.LOADING_NEW_VERSION,
            waiting_for="1.1 is not ready on alpha (loading), beta (loading)",
            load_began_at=timezone.now(),
        )

    def ready(self) -> None:
        Placement.objects.filter(version="1.1").update(
            observed="ready", boot_id="boot-1", answered_boot_id="boot-1"
        )
        for node in self.fleet.nodes:
            warm(node, self.fleet.clusters["1.1"])
        self.write(
            "1.1 answers on both hosts (10 warm-up calls, p95 13 ms)", ready_at=timezone.now()
        )

    def shift(self, percent: int, *, step_index: int = 1) -> None:
        revision = self.fleet.weights({"1.0": 100 - percent, "1.1": percent})
        self.fleet.in_flight = {"1.0": 6 - 6 * percent // 100, "1.1": 6 * percent // 100}
        moved = self.row.state == SwapState.TRANSITIONING
        self.write(
            f"{percent} % → 1.1",
            state=None if moved else SwapState.TRANSITIONING,
            revision=revision,
            revision_at=timezone.now(),
            step_index=step_index,
            step_entered_at=timezone.now(),
            data={"step_index": step_index},
        )

    def drain(self, in_flight: int = 3, *, seconds: float = 30) -> None:
        revision = self.fleet.weights({"1.1": 100})
        self.fleet.in_flight = {"1.0": in_flight, "1.1": 7}
        watch = DrainWatch.objects.create(
            cluster=self.fleet.clusters["1.0"], route_revision=revision
        )
        self.write(
            "all traffic is on 1.1, applied everywhere",
            state=SwapState.OLD_VERSION_DRAINING,
            revision=revision,
            revision_at=timezone.now(),
            drain_watch_id=watch.pk,
            drain_deadline=_in(seconds),
            waiting_for="1.0 is not proven idle on edge-1, edge-2",
        )

    def prove(self, nodes: Sequence[NodeIncarnation] | None = None) -> None:
        self.fleet.in_flight = {"1.0": 0, "1.1": 7}
        for node in nodes or self.fleet.nodes:
            DrainProof.objects.create(
                watch=self.row.drain_watch, incarnation=node, stream=node.stream, flushes=2
            )

    def complete(self) -> None:
        Placement.objects.filter(version="1.0").update(desired="absent", observed="available")
        self.write("1.0 is idle, proven on every node", past_return_at=timezone.now())
        self.write(
            "1.1 serves alone, 1.0 is unloaded",
            state=SwapState.COMPLETED,
            end_time=timezone.now(),
            waiting_for="",
        )

    def fail(self, why: str) -> None:
        Placement.objects.filter(version="1.1").update(
            desired="absent", observed="failed", observed_reason=why
        )
        words = f"1.1 could not be loaded on alpha: {why}; beta: {why}"
        self.write(
            words,
            state=SwapState.FAILED,
            end_time=timezone.now(),
            failure=words,
            error_message=words,
        )

    def roll_back(self) -> None:
        self.write("roll back: errors went up", kind=EventKind.COMMAND, actor=OPERATOR)
        revision = self.fleet.weights({"1.0": 100})
        self.fleet.in_flight = {"1.0": 5, "1.1": 2}
        watch = DrainWatch.objects.create(
            cluster=self.fleet.clusters["1.1"], route_revision=revision
        )
        self.write(
            "rolled back by request",
            state=SwapState.ROLLING_BACK,
            revision=revision,
            drain_watch_id=watch.pk,
            drain_deadline=_in(20),
        )


def _in(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)
