"""Every page of the console in its main states: looked at by people (screenshots.py), and by
axe-core and a ruler (test_every_page.py).

A scene sets up the world and tells what is to be seen in it. To add one, write a function
here that carries `@scene` and names the pages it shows (their names in urls.py): all else
follows. A page that no scene shows fails a test.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from swaps.access.roles import Actor, Role
from swaps.audit.record import record
from swaps.models import AuditEntry, ModelHost, Placement, TrafficSample
from tests.integration.console.scenes import Fleet, SwapScene
from tests.integration.readings.rows import placed


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as `role` sees it (None: nobody signed in), after `press` was pressed on it."""

    name: str
    path: str
    role: Role | None = Role.ADMINISTRATOR
    press: str = ""  # the button that opens a dialog
    live: bool = False  # its websocket has to be there first


class Stage:
    """What scenes are set on. The fleet comes when it is asked for: some show an empty one."""

    def __init__(self) -> None:
        self._fleet: Fleet | None = None

    @property
    def fleet(self) -> Fleet:
        if self._fleet is None:
            self._fleet = Fleet()
        return self._fleet

    def swap(self, strategy: object = "canary", **changes: object) -> SwapScene:
        return SwapScene(self.fleet, strategy, **changes)

    def close(self) -> None:
        if self._fleet is not None:
            self._fleet.close()


@dataclass(frozen=True, slots=True)
class Scene:
    set_up: Callable[[Stage], Iterator[Picture]]
    pages: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.set_up.__name__


SCENES: list[Scene] = []


def scene(*pages: str) -> Callable[[Callable[[Stage], Iterator[Picture]]], Scene]:
    """`pages`: the names in urls.py of those that this scene shows."""

    def keep(set_up: Callable[[Stage], Iterator[Picture]]) -> Scene:
        SCENES.append(Scene(set_up, pages))
        return SCENES[-1]

    return keep


def live_swap(name: str, one: SwapScene, press: str = "") -> Picture:
    return Picture(name, one.path, press=press, live=True)


# -- the overview and what hangs on it --


@scene("overview", "swaps", "hosts", "router", "start-swap", "audit", "login")
def nothing_yet(stage: Stage) -> Iterator[Picture]:
    yield Picture("login", "/login", None)
    yield Picture("overview-empty", "/")
    yield Picture("swaps-empty", "/swaps", live=True)
    yield Picture("hosts-empty", "/hosts", live=True)
    yield Picture("router-empty", "/router", live=True)
    yield Picture("start-empty", "/swaps/new")
    yield Picture("audit-empty", "/audit")


@scene("overview", "model", "start-swap", "audit", "swap-command")
def a_busy_fleet(stage: Stage) -> Iterator[Picture]:
    failed = stage.swap()
    failed.load()
    failed.fail("the file is not an ONNX model")
    running = stage.swap()
    transition(running)
    yield Picture("overview", "/")
    yield Picture("overview-viewer", "/", Role.VIEWER)
    yield Picture("model", "/models/iris")
    yield Picture("model-missing", "/models/none")
    yield Picture("start-open-swap", "/swaps/new?model=iris", Role.OPERATOR)
    yield Picture("audit", "/audit")
    yield Picture("confirm", f"{running.path}/rollback", Role.OPERATOR)
    yield Picture("confirm-refused", f"{running.path}/rollback", Role.VIEWER)


@scene("swaps")
def many_swaps(stage: Stage) -> Iterator[Picture]:
    failed = stage.swap()
    failed.load()
    failed.fail("the file is not an ONNX model")
    for days in range(1, 60):
        a_past_swap(stage, days)
    transition(stage.swap())
    stage.swap(queued=True)
    yield Picture("swaps", "/swaps", live=True)
    yield Picture("swaps-filtered", "/swaps?state=Failed&state=RolledBack&text=onnx", Role.VIEWER)
    yield Picture("swaps-nothing-matches", "/swaps?model=iris&requested_by=nobody", live=True)
    yield Picture("swaps-wrong-filter", "/swaps?state=Done&modle=iris")


@scene("search", "keys", "overview")
def finding(stage: Stage) -> Iterator[Picture]:
    transition(stage.swap())
    for days in range(1, 12):
        a_past_swap(stage, days)
    yield Picture("search-empty", "/search")
    yield Picture("search", "/search?q=iris", Role.VIEWER)
    yield Picture("search-version", "/search?q=iris+1.1")
    yield Picture("search-nothing", "/search?q=resnet")
    yield Picture("keys", "/keys", Role.VIEWER)
    yield Picture("dialog-keys", "/", press="Keys")


@scene("hosts", "host", "router")
def the_fleet(stage: Stage) -> Iterator[Picture]:
    node = stage.fleet.nodes[1]
    node.nack = "route iris: the cluster is not known"
    node.save()
    ModelHost.objects.filter(name="beta").update(
        health="unreachable", health_reason="the connection was refused"
    )
    iris = stage.fleet.iris
    Placement.objects.filter(version="1.1", host__name="alpha").update(observed="ready")
    placed(iris, "0.9", ModelHost.objects.get(name="beta"), "failed", desired="loaded")
    yield Picture("hosts", "/hosts", live=True)
    yield Picture("hosts-nothing-matches", "/hosts?text=gamma&health=healthy", live=True)
    yield Picture("hosts-wrong-filter", "/hosts?health=well")
    yield Picture("host", "/hosts/alpha", live=True)
    yield Picture("host-unreachable", "/hosts/beta", Role.VIEWER, live=True)
    yield Picture("host-missing", "/hosts/none")
    yield Picture("router", "/router", live=True)


@scene("start-swap")
def starting(stage: Stage) -> Iterator[Picture]:
    model = f"/swaps/new?model={stage.fleet.iris.name}"
    form = f"{model}&to_version=1.1&strategy="
    yield Picture("start", model)
    yield Picture("start-planned", f"{form}canary")
    yield Picture("start-custom", f"{form}custom", Role.OPERATOR)


# -- the audit log --


@scene("audit", "audit-entry")
def the_log(stage: Stage) -> Iterator[Picture]:
    one = stage.swap()
    olga = Actor("olga", Role.OPERATOR, "console", "192.0.2.7", request_id="b7f0c2d4e1a94f6c")
    ci = Actor("ci", Role.OPERATOR, "command line", "2001:db8::7", token="hs_abcdefgh")
    stranger = Actor("unknown", None, "API", "198.51.100.23", request_id="r-17")
    told: list[tuple[Actor, dict[str, Any]]] = [
        (
            olga,
            {
                "action": "manage-models",
                "object_kind": "model",
                "object_name": "iris",
                "before": {"drain_timeout_seconds": 30, "default_strategy": "canary"},
                "after": {"drain_timeout_seconds": 45, "default_strategy": "canary"},
            },
        ),
        (
            ci,
            {
                "action": "swap",
                "object_kind": "model",
                "object_name": "iris",
                "swap": one.row.pk,
                "reason": "retrained on the data of October, with the new features of the shop",
                "after": {"from_version": "1.0", "to_version": "1.1", "strategy": "canary"},
            },
        ),
        (
            stranger,
            {
                "action": "authenticate",
                "object_kind": "request",
                "object_name": "/api/v1/models/a-model-with-a-rather-long-name/versions/1.0",
                "outcome": "refused",
                "reason": "the token is unknown, expired or revoked",
            },
        ),
    ]
    for actor, what in told:
        record(actor=actor, **what)
    changed = AuditEntry.objects.get(actor="olga", action="manage-models")
    yield Picture("audit-entries", "/audit")
    yield Picture("audit-filtered", "/audit?actor=olga&role=operator&since=1h")
    yield Picture("audit-wrong-filter", "/audit?since=yesterday&address=nowhere&acter=olga")
    yield Picture("audit-nothing-matches", "/audit?actor=nobody&outcome=refused")
    yield Picture("audit-entry", f"/audit/{changed.pk}")
    yield Picture("audit-entry-missing", "/audit/999999999")


# -- a swap, from state to state --


@scene("swap")
def swap_begins(stage: Stage) -> Iterator[Picture]:
    one = stage.swap()
    yield live_swap("swap-not-started", one)
    one.load()
    yield live_swap("swap-loading", one)
    one.fail("the file is not an ONNX model")
    yield live_swap("swap-failed", one)


@scene("swap")
def swap_goes_on(stage: Stage) -> Iterator[Picture]:
    one = stage.swap()
    transition(one)
    yield live_swap("swap-transitioning", one)
    yield Picture("swap-viewer", one.path, Role.VIEWER, live=True)
    yield live_swap("dialog-roll-back", one, press="Roll back…")
    drain(one)
    yield live_swap("swap-draining", one)
    yield live_swap("dialog-force", one, press="Force unload…")
    one.prove()
    one.complete()
    keep_samples(one)
    yield live_swap("swap-completed", one)


@scene("swap")
def swap_asks(stage: Stage) -> Iterator[Picture]:
    one = stage.swap()
    transition(one)
    one.drain(1, seconds=-5)
    yield live_swap("swap-overdue", one)


@scene("swap")
def swap_goes_back(stage: Stage) -> Iterator[Picture]:
    one = stage.swap()
    transition(one)
    one.roll_back()
    yield live_swap("swap-rolling-back", one)


@scene("swap", "decide", "overview")
def swap_waits_for_approval(stage: Stage) -> Iterator[Picture]:
    one = stage.swap(needs_approval=True)
    yield live_swap("swap-unapproved", one)
    yield Picture("overview-unapproved", "/")
    yield Picture("approve", f"{one.path}/approve")


@scene("own-password")
def a_password(stage: Stage) -> Iterator[Picture]:
    yield Picture("own-password", "/password", Role.VIEWER)


def a_past_swap(stage: Stage, days: int) -> None:
    """It began so many days ago, and ended in one of the ways that swaps end."""
    began = timezone.now() - timedelta(days=days, hours=days * 7 % 24)
    state = ("Completed", "Completed", "RolledBack", "Completed", "Cancelled")[days % 5]
    ended = began + timedelta(seconds=3 + days * 37 % 600)
    stage.swap(state=state, start_time=began, end_time=ended)


def transition(one: SwapScene) -> None:
    one.load()
    one.ready()
    one.shift(5)
    one.shift(25, step_index=3)


def drain(one: SwapScene) -> None:
    one.shift(50, step_index=5)
    one.drain(3)


def keep_samples(one: SwapScene) -> None:
    """The samples of a swap that took three minutes, and drained in ten seconds."""
    began = one.row.end_time - timedelta(seconds=180)
    for second in range(181):
        share = 0 if second < 60 else 0.25 if second < 120 else 0.5 if second < 170 else 1
        wave = 6 + 2 * math.sin(second / 4)
        left = max(0, 180 - second) / 10
        TrafficSample.objects.create(
            swap=one.row,
            at=began + timedelta(seconds=second),
            nodes="both",
            old_in_flight=round(wave * (1 - share) if share < 1 else 3 * left),
            new_in_flight=round(wave * share),
            old_answers=600 * min(second, 170),
            new_answers=200 * max(0, second - 60),
            old_errors=0,
            new_errors=second // 60,
        )
