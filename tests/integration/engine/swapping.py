"""Models that serve, and swaps taken as far as a test wants them."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import F

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.access.roles import Actor, Role
from swaps.commands.registration import register_host, register_model
from swaps.commands.swaps.operations import request_activation
from swaps.domain.decisions import CallHosts, Step, Wait
from swaps.domain.next_step import next_step
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.advance import advance, take
from swaps.engine.carry_out import lease, write
from swaps.engine.hosts.calls import call
from swaps.engine.hosts.outcomes import commit
from swaps.engine.hosts.rounds import reconcile
from swaps.engine.observe import ObservedSwap, observe
from swaps.engine.work_items import WorkItem
from swaps.models import ModelHost, Placement, Route, ServedModel, SwapOperation
from tests.integration.bundled_host.running import PATIENCE_SECONDS, TOKEN, wait_until
from tests.integration.engine.hosts import HostOfTests, a_new_name

VIEWER = Actor("a viewer", Role.VIEWER, "API")
OPERATOR = Actor("an operator", Role.OPERATOR, "API")
ADMINISTRATOR = Actor("an administrator", Role.ADMINISTRATOR, "console", "127.0.0.1")

PAUSED_HALF_WAY = {"steps": [{"setWeight": 50}, {"pause": {}}]}

Condition = SwapState | Callable[[SwapOperation], Any]


def register(*hosts: HostOfTests, max_concurrent_loads: int = 1) -> None:
    for host in hosts:
        if not ModelHost.objects.filter(name=host.name).exists():
            register_host(
                actor=ADMINISTRATOR,
                name=host.name,
                kind="bundled",
                url=host.url,
                control_token=TOKEN,
                max_concurrent_loads=max_concurrent_loads,
            )


def a_model(*hosts: HostOfTests, versions: Sequence[str] = ("1.0", "1.1"), **defaults: Any) -> str:
    """A registered model with these versions on disk (those of the demo's iris), not loaded."""
    register(*hosts)
    name = a_new_name()
    for host in hosts:
        for version in versions:
            host.put(name, version, like=f"iris/{version}")
    sample = defaults.pop("sample_request", SAMPLE_REQUESTS["iris"])
    register_model(actor=ADMINISTRATOR, name=name, sample_request=sample, **defaults)
    return name


def a_serving_model(*hosts: HostOfTests, version: str = "1.0", **more: Any) -> str:
    """`version` is loaded on the hosts and holds all weight."""
    name = a_model(*hosts, **more)
    activate(name, version, *hosts)
    return name


def activate(model: str, version: str, *hosts: HostOfTests) -> None:
    swap = request_activation(
        actor=OPERATOR, model_name=model, version=version, target_hosts=[one.name for one in hosts]
    )
    assert swap is not None, f"{model} {version} serves already"
    carry_on(swap, until=SwapState.COMPLETED)


def fresh(swap: SwapOperation) -> SwapOperation:
    return SwapOperation.objects.select_related("model").get(pk=swap.pk)


def carry_on(swap: SwapOperation, *, until: Condition) -> SwapOperation:
    """Take turns with the swap, as workers do, until it is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = fresh(swap)
        there = seen.state == until if isinstance(until, SwapState) else until(seen)
        if there:
            return seen
        assert seen.state not in END_STATES, f"{swap} ended {seen.state}: {seen.error_message}"
        assert time.monotonic() < deadline, f"{swap} is {seen.state}: {seen.waiting_for}"
        advance(swap.pk)
        time.sleep(0.002)


def advance_elsewhere(swap: SwapOperation) -> None:
    """Beside all others: in one process, `advance` lets nobody take a second turn."""
    take(WorkItem(swap.pk))


def waits_for(words: str) -> Condition:
    """It rests with a sentence that has these words."""
    return lambda swap: words in swap.waiting_for


def decided(swap: SwapOperation) -> tuple[ObservedSwap, Step]:
    """What a worker sees and decides now, and may carry out later."""
    observed = observe(swap.pk)
    return observed, next_step(observed.snapshot)


def carry_out(observed: ObservedSwap, step: Step) -> bool:
    """The step alone, to its end. Returns whether anything came of it. Raises StaleSwap."""
    follows = lease(observed, step) if isinstance(step, CallHosts) else write(observed, step)
    for _, result in call(follows.leased):
        commit(result)
    return not follows.with_others


def next_is(kind: type[Step], swap: SwapOperation) -> tuple[ObservedSwap, Any]:
    """Go on step by step until the next one is of this kind, not yet carried out."""

    def found() -> tuple[ObservedSwap, Step] | None:
        observed, step = decided(swap)
        if isinstance(step, kind):
            return observed, step
        if not isinstance(step, Wait):
            carry_out(observed, step)
        return None

    there: tuple[ObservedSwap, Any] = wait_until(found, f"{swap} comes to {kind.__name__}")
    return there


def time_passes(swap: SwapOperation, seconds: float) -> None:
    """As if all that happened to this swap had happened so much earlier."""
    ago = timedelta(seconds=seconds)

    def earlier(*names: str) -> dict[str, Any]:
        return {name: F(name) - ago for name in names}

    SwapOperation.objects.filter(pk=swap.pk).update(
        **earlier("state_entered_at", "step_entered_at", "revision_at", "drained_at"),
        **earlier("swap_deadline", "drain_deadline", "unload_called_at"),
    )
    Placement.objects.filter(model=swap.model_id).update(
        **earlier("observed_at", "load_called_at", "lease_until")
    )


def time_given(swap: SwapOperation) -> timedelta:
    """From the begin of its load to the end of the whole swap's time."""
    deadline = fresh(swap).swap_deadline
    assert deadline is not None, f"{swap} has all the time there is"
    began = swap.events.get(kind="transition", to_state=SwapState.LOADING_NEW_VERSION)
    return deadline - began.at


def weights(model: str) -> dict[str, int]:
    return dict(Route.objects.get(model__name=model).weights)


def placement(model: str, version: str, host: HostOfTests) -> Placement:
    return Placement.objects.select_related("host", "model").get(
        model__name=model, version=version, host__name=host.name
    )


def reconciled_until(so: Callable[[], bool]) -> None:
    def reconciled() -> bool:
        reconcile()
        return so()

    wait_until(reconciled, "reconciliation does it")


def is_loaded_again(model: str, version: str, host: HostOfTests) -> bool:
    """And a real inference came back since the host's last start."""
    seen = placement(model, version, host)
    return seen.observed == "ready" and seen.answered_boot_id == host.running.boot_id


def row_of(model: str) -> ServedModel:
    return ServedModel.objects.get(name=model)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the same again
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


class Beside:
    """A call in another thread with a database connection of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._result: Any = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._call()
        except Exception as error:  # given to whoever asks for the result
            self._error = error
        finally:
            connection.close()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def outcome(self) -> Any:
        """What it returned, or the exception it ended with."""
        self._thread.join(PATIENCE_SECONDS)
        assert self.over, "the call beside came to no end"
        return self._error or self._result


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The outcomes of calls that begin together, each in its thread."""
    together = threading.Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        together.wait(PATIENCE_SECONDS)
        return call()

    threads = [Beside(partial(begin, call)) for call in calls]
    return [thread.outcome() for thread in threads]
