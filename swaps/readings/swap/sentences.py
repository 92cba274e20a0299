"""The one sentence of an open swap: what it waits for, with the numbers of this moment."""

from datetime import datetime, timedelta

from swaps.db import writability
from swaps.domain.states import DRAINING_STATES, END_STATES, SwapState
from swaps.engine.inputs import lacks_approval
from swaps.live.heartbeats import SILENT_AFTER_SECONDS
from swaps.models import SwapOperation
from swaps.readings.overview.model_rows import ModelRows
from swaps.readings.swap.parts import StepReading


def waiting_for(
    swap: SwapOperation,
    rows: ModelRows,
    *,
    draining: int | None,
    steps: list[StepReading],
    deadline: datetime | None,
) -> str | None:
    """`draining`: requests in flight on the version that drains. None: it waits for nothing."""
    state = SwapState(swap.state)
    if state in END_STATES:
        left = swap.from_version if state is SwapState.COMPLETED else swap.to_version
        return f"Over, but {left} is still to be unloaded." if swap.cleanup_pending else None
    if no_writes := writability.known():
        return f"{no_writes}. The swap goes on by itself once it can be."
    if swap.queued:
        return _in_queue(swap, rows)
    if unattended := _unattended(swap, rows.now):
        return unattended
    if swap.paused and state is SwapState.TRANSITIONING:
        return _sentence(swap.waiting_for or "paused: resume it or roll it back")
    if _asks_whether_idle(swap, rows):
        old = swap.from_version if state is SwapState.OLD_VERSION_DRAINING else swap.to_version
        if draining:
            noun = "request" if draining == 1 else "requests"
            words = f"Waiting for {draining} {noun} on {old} to finish"
            return f"{words}, {_left(rows.now, deadline)}."
        if draining == 0:
            names = ", ".join(_unproven(swap, rows))
            if names:
                return f"{old} has no request in flight; waiting for the proof of {names}."
    if state is SwapState.OLD_VERSION_DRAINING and swap.drained_at and not swap.past_return_at:
        until = swap.drained_at + timedelta(seconds=swap.keep_warm_seconds)
        if rows.now < until:
            return f"{swap.from_version} is idle and stays warm for {_seconds(until - rows.now)}."
    holding = next((step for step in steps if step.status == "current"), None)
    if holding is not None and holding.seconds_left is not None and rows.applied:
        percent = rows.weights.get(swap.to_version, 0)
        following = steps[steps.index(holding) + 1 :]
        to = next((step.weight for step in following if step.weight is not None), 100)
        left = _seconds(timedelta(seconds=holding.seconds_left))
        return f"Holding at {percent} % for {left} more, then {to} %."
    return _sentence(swap.waiting_for) or _working(swap, state)


def _unattended(swap: SwapOperation, now: datetime) -> str:
    """Its next look is long overdue; "" when it is not."""
    due = swap.next_check_at
    if due is None or (swap.attended_until is not None and swap.attended_until > now):
        return ""
    if now - due < timedelta(seconds=SILENT_AFTER_SECONDS):
        return ""
    return (
        f"No worker has looked at it since {due:%H:%M:%S} UTC: see whether one runs, and can write "
        "to Postgres."
    )


def _in_queue(swap: SwapOperation, rows: ModelRows) -> str:
    lacking = lacks_approval(swap)
    if lacking:
        return _sentence(lacking[0].upper() + lacking[1:])
    if rows.model.queue_held_reason:
        return f"The queue is held: {rows.model.queue_held_reason}."
    ahead = next((i for i, other in enumerate(rows.queue) if other.pk == swap.pk), 0)
    position = "first" if ahead == 0 else f"number {ahead + 1}"
    return f"Waiting in line, {position}: one swap of {rows.model.name} at a time."


def _asks_whether_idle(swap: SwapOperation, rows: ModelRows) -> bool:
    """The drain of this swap is asked about, and what it asks is the present revision."""
    return (
        swap.state in DRAINING_STATES
        and swap.past_return_at is None
        and swap.drained_at is None
        and swap.drain_watch_id is not None
        and not swap.roll_forward_requested  # then the engine's sentence tells of both ways
        and rows.applied
        and all(node.row.state == "connected" for node in rows.nodes)
    )


def _unproven(swap: SwapOperation, rows: ModelRows) -> list[str]:
    proven = rows.proofs.get(swap.drain_watch_id, set())
    return [node.row.node_id for node in rows.nodes if node.row.pk not in proven]


def _left(now: datetime, deadline: datetime | None) -> str:
    if deadline is None:
        return "with no deadline"
    if deadline <= now:
        return "its time is over: extend the drain, roll back, or force the unload"
    return f"{_seconds(deadline - now)} left"


def _seconds(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds:02d} s"


def _sentence(reason: str) -> str:
    return reason if not reason or reason.endswith((".", "!", "?")) else f"{reason}."


def _working(swap: SwapOperation, state: SwapState) -> str:
    """Between two steps, before the engine says what it waits for."""
    match state:
        case SwapState.NOT_STARTED:
            return "About to begin."
        case SwapState.LOADING_NEW_VERSION:
            return f"Loading {swap.to_version} on {', '.join(swap.target_hosts)}."
        case SwapState.TRANSITIONING:
            return f"Moving traffic to {swap.to_version}."
        case SwapState.OLD_VERSION_DRAINING if swap.past_return_at:
            return f"Unloading {swap.from_version}."
        case SwapState.OLD_VERSION_DRAINING:
            return f"Waiting until {swap.from_version or 'the old version'} is idle."
        case _:
            return f"Returning to {swap.from_version or 'no version'}."
