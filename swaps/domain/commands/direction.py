"""Which version shall serve in the end: cancel, roll back, roll forward."""

from swaps.domain.commands.contract import (
    Accepted,
    Asked,
    Command,
    CommandCheck,
    CommandEntry,
    Confirmed,
    NewSwap,
    NotPossible,
    Place,
    Subject,
    not_now,
)
from swaps.domain.rolling_forward import no_way_forward
from swaps.domain.states import END_STATES, SwapState

_S = SwapState


def _check_cancel(place: Place) -> CommandCheck:
    if place.state in {_S.NOT_STARTED, _S.LOADING_NEW_VERSION}:
        return Accepted()
    if place.state is _S.TRANSITIONING or place.keeps_old:
        return NotPossible("traffic has moved already: roll back instead")
    return not_now(Command.CANCEL, place)


def _cancel(s: Subject) -> Confirmed:
    effect = "Nothing was loaded and no traffic has moved. The swap ends as Cancelled."
    if s.state is _S.LOADING_NEW_VERSION:
        effect = (
            f"No traffic has moved: {s.before} keeps serving. {s.new} is unloaded where this "
            "swap loaded it, and the swap ends as Cancelled."
        )
    return Confirmed(f"Cancel the swap to {s.new}?", effect, "Cancel swap")


def _check_rollback(place: Place) -> CommandCheck:
    if place.state is _S.OLD_VERSION_DRAINING and place.past_return:
        return NotPossible(
            "the old version is being unloaded; once the swap is completed, roll it back",
            retry=True,
        )
    if place.state is _S.COMPLETED:
        return NewSwap()
    if place.state is _S.ROLLING_BACK:
        return Accepted(already=True)
    if place.state in END_STATES:
        return NotPossible(
            f"the swap is over ({place.state}) and the old version serves: nothing to roll back"
        )
    return Accepted()


def _rollback(s: Subject) -> Confirmed:
    old = s.before
    title, button = f"Roll back to {old}?", f"Roll back to {old}"
    match s.state:
        case _S.NOT_STARTED:
            effect = "The swap has not begun: it ends as Cancelled, and nothing else changes."
        case _S.LOADING_NEW_VERSION:
            effect = (
                f"No traffic has moved: {old} keeps serving, and {s.new} is unloaded where this "
                "swap loaded it."
            )
        case _S.COMPLETED:
            effect = (
                f"A new swap starts, from {s.new} back to {old}: {old} is loaded where it is not, "
                f"then takes 100 % of traffic; {s.new} drains and is unloaded. "
                "This swap stays Completed."
            )
        case _ if s.old is None:
            title, button = f"Take {s.new} out of service?", "Roll back"
            effect = (
                f"There was no version before {s.new}: {s.model} answers 503 until another is "
                f"activated. {s.new} drains and is unloaded where this swap loaded it."
            )
        case _:
            effect = (
                f"100 % of traffic returns to {old} at once; {s.new} drains and is unloaded where "
                "this swap loaded it. "
                f"Requests running on {s.new} finish there."
            )
    if s.takes_back:
        effect = (
            f"This swap is itself a roll back: it takes back {s.takes_back}. Rolling it back puts "
            f"{old} in service again. {effect}"
        )
    return Confirmed(title, effect, button)


def _check_roll_forward(place: Place) -> CommandCheck:
    if place.state is not _S.ROLLING_BACK:
        return not_now(Command.ROLL_FORWARD, place)
    if place.past_return:
        return NotPossible("the new version is being unloaded: start a new swap")
    return Accepted()


def _roll_forward(s: Subject) -> Confirmed:
    effect = (
        f"The roll back is called off: 100 % of traffic goes to {s.new}; {s.before} drains "
        "and is unloaded."
    )
    return Confirmed(f"Roll forward to {s.new}?", effect, "Roll forward")


_CANCEL = CommandEntry(
    command=Command.CANCEL,
    least_role="operator",
    label="Cancel swap",
    title="Cancel a swap",
    description="Before traffic moved: what the swap loaded is unloaded.",
    check=_check_cancel,
    confirm=_cancel,
    change=lambda place, asked: {"abort": Command.CANCEL.value},
    told=lambda place, asked: "cancel",
    rests_on=("abort_requested",),
    ends_what_waits=True,
    dangerous=True,
    offered=lambda state, paused: state is not _S.ROLLING_BACK,
)
_ROLLBACK = CommandEntry(
    command=Command.ROLLBACK,
    least_role="operator",
    label="Roll back",
    title="Roll back a swap",
    description="Back to the old version. Of a completed swap it is a new swap, reversed. Of that "
    "one, a roll back itself, only with `of_rollback`: of two who roll back the same, the second "
    "would undo the first.",
    check=_check_rollback,
    confirm=_rollback,
    change=lambda place, asked: {"abort": Command.ROLLBACK.value},
    told=lambda place, asked: "roll back",
    rests_on=("abort_requested",),
    ends_what_waits=True,
    fields=(
        Asked(
            "of_rollback",
            bool,
            "the swap is itself a roll back, which is known: the version that was rolled back "
            "serves again",
            told_in_dialog=True,
        ),
    ),
    example={"reason": "errors went up"},
    dangerous=True,
    offered=lambda state, paused: state is not _S.ROLLING_BACK,
)
_ROLL_FORWARD = CommandEntry(
    command=Command.ROLL_FORWARD,
    least_role="operator",
    label="Roll forward",
    title="Roll forward a swap",
    description="Of a swap that rolls back: the new version stays after all.",
    check=_check_roll_forward,
    confirm=_roll_forward,
    change=lambda place, asked: {"roll_forward": True},
    told=lambda place, asked: "roll forward",
    hindrance=no_way_forward,
    rests_on=("roll_forward_requested",),
    offered=lambda state, paused: state is _S.ROLLING_BACK,
)

ENTRIES = (_ROLL_FORWARD, _CANCEL, _ROLLBACK)
