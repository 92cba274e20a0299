"""What may be asked about a version that is to become idle: more time, or none."""

from datetime import timedelta

from swaps.domain.changes import Changes, FromNow
from swaps.domain.commands.contract import (
    Accepted,
    Asked,
    Command,
    CommandCheck,
    CommandDetails,
    CommandEntry,
    Confirmed,
    Place,
    Subject,
    not_now,
)

USUAL_SECONDS = 30


def _while_it_drains(command: Command, place: Place) -> CommandCheck:
    return Accepted() if place.drains else not_now(command, place)


def _extend(s: Subject) -> Confirmed:
    effect = (
        f"Requests on {s.draining} get that much longer to finish, counted from the present "
        "deadline, or from now if that is over. "
        f"{s.draining} stays loaded until it is proven idle."
    )
    return Confirmed(
        f"Give {s.draining} more time?",
        effect,
        "Extend drain",
        asks={"seconds": "More time, in seconds"},
    )


def _longer(asked: CommandDetails) -> timedelta:
    return timedelta(seconds=asked.given.get("seconds") or USUAL_SECONDS)


def _change_drain(place: Place, asked: CommandDetails) -> Changes:
    """A longer drain must not run into the deadline of the whole swap."""
    longer = _longer(asked)
    later = FromNow(longer, or_from="drain_deadline")
    if not place.limited:
        return {"drain_deadline": later}
    limit = FromNow(longer, or_from="drain_deadline", not_before="swap_deadline")
    return {"drain_deadline": later, "swap_deadline": limit}


def _force(s: Subject) -> Confirmed:
    effect = (
        f"{s.draining} is unloaded although it may still execute requests: those requests fail at "
        "their callers. Your name stands on it in the audit log."
    )
    return Confirmed(f"Unload {s.draining} by force?", effect, "Force unload", typed=s.draining)


_EXTEND_DRAIN = CommandEntry(
    command=Command.EXTEND_DRAIN,
    least_role="operator",
    label="Extend drain",
    title="Extend the drain of a swap",
    description="Give the old version longer to finish what it has.",
    check=lambda place: _while_it_drains(Command.EXTEND_DRAIN, place),
    confirm=_extend,
    change=_change_drain,
    told=lambda place, asked: f"extend the drain by {_longer(asked).total_seconds():g} s",
    rests_on=("drain_deadline",),
    fields=(Asked("seconds", int, f"{USUAL_SECONDS} when left out", USUAL_SECONDS),),
    example={"seconds": 60, "reason": "a batch is still running"},
    beside_the_drain=True,
)
_FORCE_UNLOAD = CommandEntry(
    command=Command.FORCE_UNLOAD,
    least_role="administrator",
    label="Force unload",
    title="Force the unload of a swap",
    description="Unload the old version though requests run on it: they fail. It never covers a "
    "node that is away. Administrators only.",
    check=lambda place: _while_it_drains(Command.FORCE_UNLOAD, place),
    confirm=_force,
    change=lambda place, asked: {"forced_by": asked.by},
    told=lambda place, asked: "force the unload",
    rests_on=("forced_by",),
    dangerous=True,
    beside_the_drain=True,
)

ENTRIES = (_EXTEND_DRAIN, _FORCE_UNLOAD)
