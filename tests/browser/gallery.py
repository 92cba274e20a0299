"""Every page of the console in its main states: looked at by people (screenshots.py), and by
axe-core and a ruler (test_every_page.py).

A scene sets up the world and tells what is to be seen in it. To add one, write a function
here that carries `@scene` and names the pages it shows (their names in urls.py): all else
follows. A page that no scene shows fails a test.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from django.utils import timezone

from hotswap_site.embedded.demo_models import make_demo_models
from swaps.access.roles import Actor, Role
from swaps.adapters.registry import close_connections
from swaps.audit.record import record
from swaps.live.gauge_history import EVERY_SECONDS, history_key
from swaps.live.valkey import valkey
from swaps.models import (
    AuditEntry,
    ModelHost,
    NodeCertificate,
    NodeIncarnation,
    Placement,
    RouterProcess,
    ServedModel,
    TrafficSample,
    UnprotectRequest,
)
from tests.integration.bundled_host.running import TOKEN, running_host
from tests.integration.console.scenes import Fleet, SwapScene
from tests.integration.readings.rows import a_host, a_model, a_node, a_swap, placed


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as `role` sees it (None: nobody signed in), after `press` was pressed on it."""

    name: str
    path: str
    role: Role | None = Role.ADMINISTRATOR
    press: str = ""  # the button that opens a dialog,
    shows: str = "dialog[open]"  # or shows something else
    live: bool = False  # its websocket has to be there first


TESTED = "#host-checks li"


class Stage:
    """What scenes are set on. The fleet comes when it is asked for: some show an empty one."""

    def __init__(self) -> None:
        self._fleet: Fleet | None = None
        self._to_end = ExitStack()

    def a_host_that_answers(self) -> ModelHost:
        """With the demo's models on it; pages that ask hosts show what it says."""
        folder = Path(self._to_end.enter_context(TemporaryDirectory()))
        make_demo_models(folder / "models")
        host = self._to_end.enter_context(running_host(folder / "models", folder))
        return a_host("alpha", url=host.url, health="healthy", control_token=TOKEN)

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
        self._to_end.close()
        close_connections()


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


@scene(
    "overview", "models", "new-model", "swaps", "hosts", "router", "start-swap", "audit", "login"
)
def nothing_yet(stage: Stage) -> Iterator[Picture]:
    yield Picture("login", "/login", None)
    yield Picture("overview-empty", "/", live=True)
    yield Picture("models-empty", "/models", live=True)
    yield Picture("new-model-empty", "/models/new")
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
    yield Picture("overview", "/", live=True)
    yield Picture("overview-viewer", "/", Role.VIEWER, live=True)
    yield Picture("model-swapping", "/models/iris", live=True)
    yield Picture("model-missing", "/models/none")
    yield Picture("start-open-swap", "/swaps/new?model=iris", Role.OPERATOR)
    yield Picture("audit", "/audit")
    yield Picture("confirm", f"{running.path}/rollback", Role.OPERATOR)
    yield Picture("confirm-refused", f"{running.path}/rollback", Role.VIEWER)


@scene("overview", "models")
def a_fleet_that_needs_people(stage: Stage) -> Iterator[Picture]:
    overdue = stage.swap()
    transition(overdue)
    overdue.drain(1, seconds=-95)
    stage.swap(queued=True, from_version="1.1", to_version="1.2")
    for name, changes in {
        "fraud-scores": {
            "queue_held_reason": "3.1 → 3.2 ended Failed: release the queue, or cancel"
        },
        "ranking": {"protected": True},
        "speech-to-text-large": {},
    }.items():
        model = a_model(name, weights={"3.1": 100} if name != "ranking" else None)
        ServedModel.objects.filter(pk=model.pk).update(**changes)
        if name == "ranking":
            a_swap(model, from_version=None, needs_approval=True, queued=True)
            UnprotectRequest.objects.create(model=model, requested_by="ada", requesters=[1])
        if name == "fraud-scores":
            a_swap(model, state="Completed", cleanup_pending=True, end_time=timezone.now())
    ModelHost.objects.filter(name="beta").update(
        health="unreachable", health_reason="the connection was refused"
    )
    Placement.objects.filter(version="1.1", host__name="alpha").update(observed="failed")
    NodeIncarnation.objects.filter(node_id="edge-2").update(state="away")
    yield Picture("overview-needs-people", "/", live=True)
    yield Picture("overview-needs-operators", "/", Role.OPERATOR, live=True)
    yield Picture("models", "/models", live=True)
    yield Picture("models-filtered", "/models?text=ra&state=protected&order=-name", Role.VIEWER)
    yield Picture("models-nothing-matches", "/models?text=vision&state=held", live=True)
    yield Picture("models-wrong-filter", "/models?state=done&name=iris")


@scene("model", "model-ask")
def a_model_in_peace(stage: Stage) -> Iterator[Picture]:
    for days in range(1, 26):
        a_past_swap(stage, days)
    one = stage.swap("all-at-once")
    a_quarter_of_an_hour(stage)
    one.load()
    one.ready()
    one.shift(100)
    one.drain(0)
    one.prove()
    one.complete()
    Placement.objects.update(digest=f"sha256:{'3f9a1c' * 10}", size_bytes=187_000_000)
    iris = "/models/iris"
    yield Picture("model", iris, live=True)
    yield Picture("model-viewer", iris, Role.VIEWER, live=True)
    yield Picture("model-roll-back", iris, Role.OPERATOR, live=True, press="Roll back to 1.0…")
    yield Picture("model-delete", iris, live=True, press="Delete…")
    yield Picture("model-protect", f"{iris}/protect")
    yield Picture("model-ask-refused", f"{iris}/protect", Role.VIEWER)
    ServedModel.objects.update(
        protected=True, queue_held_reason="1.0 → 1.1 ended Failed: release the queue, or cancel"
    )
    stage.swap(queued=True, from_version="1.1", to_version="1.2")
    stage.swap(queued=True, from_version="1.2", to_version="1.3", needs_approval=True)
    yield Picture("model-held", iris, live=True)
    yield Picture("model-release", iris, Role.OPERATOR, live=True, press="Release the queue…")


@scene("new-model", "activate", "model")
def a_new_model(stage: Stage) -> Iterator[Picture]:
    stage.a_host_that_answers()
    yield Picture("new-model-found", "/models/new?name=iris")
    a_model("slow")
    yield Picture("activate-found", "/models/slow/activate")
    yield Picture("activate-dialog", "/models/slow", press="Activate a version…", live=True)


@scene("model", "new-model", "edit-model", "activate")
def a_new_model_without_files(stage: Stage) -> Iterator[Picture]:
    a_model("wine")
    yield Picture("new-model", "/models/new?name=wine&default_strategy=canary")
    yield Picture("new-model-custom", "/models/new?default_strategy=custom")
    yield Picture("new-model-refused", "/models/new", Role.OPERATOR)
    yield Picture("edit-model", f"/models/{stage.fleet.iris.name}/edit")
    yield Picture("model-unserved", "/models/wine", live=True)
    yield Picture("activate", "/models/wine/activate", Role.OPERATOR)
    yield Picture("activate-refused", "/models/iris/activate")


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


@scene("help", "help-page")
def reading(stage: Stage) -> Iterator[Picture]:
    yield Picture("handbook", "/help", Role.VIEWER)
    yield Picture("handbook-search", "/help?q=roll+back", Role.VIEWER)
    yield Picture("handbook-nothing-found", "/help?q=zyxw", Role.VIEWER)
    yield Picture("handbook-page", "/help/running/processes", Role.VIEWER)


@scene("hosts", "host", "router", "remove-host", "adopt", "retire-node")
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
    now = timezone.now()
    ModelHost.objects.filter(name="alpha").update(
        last_seen_at=now,
        boot_id="b7d2f0a9c41e",
        unregistered=[
            {
                **{"model": "wine", "version": version, "status": status},
                **{"digest": f"sha256:{version * 20}", "size_bytes": 5_120_000},
            }
            for version, status in (("1.0", "ready"), ("1.1", "available"))
        ],
    )
    a_host("gamma", url="http://10.20.0.9:8001")
    away = a_node("edge-3", "away")
    NodeIncarnation.objects.filter(pk=away.pk).update(last_seen_at=now - timedelta(minutes=4))
    RouterProcess.objects.create(lease_until=now + timedelta(minutes=10))
    NodeCertificate.objects.create(
        node_id="edge-1", serial="a1", expires_at=now + timedelta(days=3)
    )
    yield Picture("host", "/hosts/alpha", live=True)
    yield Picture("dialog-adopt", "/hosts/alpha", press="Adopt wine 1.0", live=True)
    yield Picture("adopt", "/hosts/alpha/adopt?model=wine&version=1.0")
    yield Picture("host-remove", "/hosts/gamma/remove")
    yield Picture("host-remove-refused", "/hosts/alpha/remove")
    yield Picture("host-unreachable", "/hosts/beta", Role.VIEWER, live=True)
    yield Picture("host-missing", "/hosts/none")
    yield Picture("router", "/router", live=True)
    yield Picture("router-viewer", "/router", Role.VIEWER, live=True)
    yield Picture("dialog-retire", "/router", press="Retire edge-3", live=True)
    yield Picture("retire-refused", f"/router/nodes/{away.nonce}/retire", Role.OPERATOR)


@scene("new-host", "edit-host", "host")
def a_host_is_set_up(stage: Stage) -> Iterator[Picture]:
    a_host("gpu-7", url="http://127.0.0.1:9", control_token="a token")
    asked = "name=gpu-8&url=http://169.254.169.254:8001"
    yield Picture("host-new", "/hosts/new")
    yield Picture("host-new-tested", f"/hosts/new?{asked}", press="Test connection", shows=TESTED)
    yield Picture("host-new-refused", "/hosts/new", Role.OPERATOR)
    yield Picture("host-edit", "/hosts/gpu-7/edit")
    yield Picture("host-tested", "/hosts/gpu-7", press="Test connection", shows=TESTED, live=True)


@scene("start-swap")
def starting(stage: Stage) -> Iterator[Picture]:
    model = f"/swaps/new?model={stage.fleet.iris.name}"
    form = f"{model}&to_version=1.1&strategy="
    yield Picture("start", model)
    yield Picture("start-planned", f"{form}canary")
    yield Picture("start-custom", f"{form}custom", Role.OPERATOR)
    wrong = quote('[{"setWeight": 300}]')
    yield Picture("start-custom-wrong", f"{form}custom&steps={wrong}", Role.OPERATOR)


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
    yield Picture("audit-entries", "/audit", live=True)
    yield Picture("audit-filtered", "/audit?actor=olga&role=operator&since=1h", live=True)
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
    keep_samples(one)
    yield live_swap("swap-draining", one)
    yield Picture("swap-draining-operator", one.path, Role.OPERATOR, live=True)
    yield live_swap("dialog-force", one, press="Force unload…")
    one.prove()
    one.complete()
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


def a_quarter_of_an_hour(stage: Stage) -> None:
    """Kept for the charts: all traffic goes from one version to the other, half-way."""
    now = time.time()
    for node in stage.fleet.nodes:
        for version, cluster in stage.fleet.clusters.items():
            answers, entries = 0, []
            for index in range(180):
                share = min(1, max(0, (index - 90) / 20))
                wave = 420 + 60 * math.sin(index / 9)
                rate = wave * (share if version == "1.1" else 1 - share)
                answers += round(rate * EVERY_SECONDS)
                errors = max(0, index - 60) * 4 if version == "1.0" else 0
                p95 = 9 + 2 * math.sin(index / 5) + (3 if version == "1.1" else 0)
                entry = [now - (180 - index) * EVERY_SECONDS, answers, errors, 3, round(p95, 2)]
                entries.append(json.dumps(entry))
            with valkey() as client:
                client.delete(history_key(node.nonce, cluster.name))
                client.rpush(history_key(node.nonce, cluster.name), *entries)


def transition(one: SwapScene) -> None:
    one.load()
    one.ready()
    one.shift(5)
    one.shift(25, step_index=3)


def drain(one: SwapScene) -> None:
    one.shift(50, step_index=5)
    one.drain(3)


def keep_samples(one: SwapScene) -> None:
    """The samples of a swap that began three minutes ago, and has drained for ten seconds."""
    began = timezone.now() - timedelta(seconds=180)
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
            old_p95_ms=12 + math.sin(second / 9) if second < 172 else None,
            new_p95_ms=11 + 9 * math.exp((60 - second) / 15) if second > 60 else None,
        )
