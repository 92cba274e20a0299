"""How fast a swap goes on: pause, resume, promote."""

from swaps.domain.changes import Changes
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
from swaps.domain.seen import UNSEEN, step_words
from swaps.domain.states import SwapState


def _pause(s: Subject) -> Confirmed:
    effect = (
        "The weights stay where they are and both versions keep serving until somebody resumes, "
        "promotes or rolls back."
    )
    return Confirmed("Pause the swap?", effect, "Pause", keep="Go on")


def _resume(s: Subject) -> Confirmed:
    effect = f"The swap goes on with its strategy: traffic moves further to {s.new}."
    return Confirmed("Resume the swap?", effect, "Resume")


def _check_promote(place: Place) -> CommandCheck:
    if place.state is SwapState.TRANSITIONING or place.keeps_old:
        return Accepted()
    return not_now(Command.PROMOTE, place)


def _promote(s: Subject) -> Confirmed:
    if s.state is SwapState.OLD_VERSION_DRAINING:
        effect = (
            f"The time {s.before} is kept warm for ends now: once it is proven idle it is "
            "unloaded, and the quick way back with it."
        )
        return Confirmed(f"Stop keeping {s.before} warm?", effect, "Promote")
    effect = f"The swap passes its present step without waiting for it. {s.step}".rstrip()
    full = f"Pass all steps: 100 % of traffic to {s.new} now"
    return Confirmed(f"Promote {s.new}?", effect, "Promote", asks={"full": full})


def _change_promote(place: Place, asked: CommandDetails) -> Changes:
    if place.state is SwapState.OLD_VERSION_DRAINING:
        return {"bake_ended": True}
    # As in Argo Rollouts: whoever promotes what is paused has it go on.
    if asked.given.get("full"):
        return {"promoted_full": True, "paused": False}
    return {"promoted_steps": place.step_index + 1, "paused": False}


def _tell_promote(place: Place, asked: CommandDetails) -> str:
    if place.state is SwapState.OLD_VERSION_DRAINING:
        return "end the bake time"
    if asked.given.get("full"):
        return "promote to 100 %"
    return f"promote past {step_words(place.steps, place.step_index)}"


def _in_transition(command: Command, place: Place) -> CommandCheck:
    return Accepted() if place.state is SwapState.TRANSITIONING else not_now(command, place)


_PAUSE = CommandEntry(
    command=Command.PAUSE,
    least_role="operator",
    label="Pause",
    title="Pause a swap",
    description="Keep the weights as they are, until it is resumed or promoted.",
    check=lambda place: _in_transition(Command.PAUSE, place),
    confirm=_pause,
    change=lambda place, asked: {"paused": True},
    told=lambda place, asked: "pause",
    rests_on=("paused", "abort_requested"),
    offered=lambda state, paused: not paused,
)
_RESUME = CommandEntry(
    command=Command.RESUME,
    least_role="operator",
    label="Resume",
    title="Resume a swap",
    description="Go on with the steps.",
    check=lambda place: _in_transition(Command.RESUME, place),
    confirm=_resume,
    change=lambda place, asked: {"paused": False},
    told=lambda place, asked: "resume",
    rests_on=("paused", "abort_requested"),
    offered=lambda state, paused: paused,
)
_PROMOTE = CommandEntry(
    command=Command.PROMOTE,
    least_role="operator",
    label="Promote",
    title="Promote a swap",
    description="Pass this step, or with `full` all of them; end the bake time while it drains. "
    f"For {UNSEEN.total_seconds():g} s after a hold was passed, one that does not say in `seen` "
    "which step it means is refused: it may have meant the hold before.",
    check=_check_promote,
    confirm=_promote,
    change=_change_promote,
    told=_tell_promote,
    rests_on=("step_index", "promoted_steps", "promoted_full", "bake_ended"),
    fields=(Asked("full", bool, "pass all steps, not this one alone"),),
    example={"seen": {"step_index": 3}, "reason": "looks good"},
)

ENTRIES = (_PAUSE, _RESUME, _PROMOTE)
