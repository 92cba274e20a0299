"""What each command will do, in words, before it is done.

The effect depends on where the swap is: a roll back while loading stops a load, and after
completion starts a new swap. `Confirmation.effect_key` tells these apart, so that a
confirmation given for one is never taken for another, nor one confirmation taken twice.
"""

import hashlib
from dataclasses import dataclass, replace

from swaps.access.roles import Action
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy
from swaps.models import SwapOperation

_S = SwapState

# In the order of the buttons: danger on the right.
LABELS = {
    Command.PAUSE: "Pause",
    Command.RESUME: "Resume",
    Command.PROMOTE: "Promote",
    Command.EXTEND_DRAIN: "Extend drain",
    Command.ROLL_FORWARD: "Roll forward",
    Command.CANCEL: "Cancel swap",
    Command.ROLLBACK: "Roll back",
    Command.FORCE_UNLOAD: "Force unload",
}
DANGEROUS = {Command.ROLLBACK, Command.CANCEL, Command.FORCE_UNLOAD}
# The words of commands and of permissions are the same; this fails at import if not.
ACTIONS = {command: Action(command.value) for command in Command}


# What each command changes: once that is done, the same confirmation is void.
CHANGES = {
    Command.PAUSE: ("paused", "abort_requested"),
    Command.RESUME: ("paused", "abort_requested"),
    Command.PROMOTE: ("step_index", "promoted_steps", "promoted_full", "bake_ended"),
    Command.EXTEND_DRAIN: ("drain_deadline",),
    Command.ROLL_FORWARD: ("roll_forward_requested",),
    Command.CANCEL: ("abort_requested",),
    Command.ROLLBACK: ("abort_requested",),
    Command.FORCE_UNLOAD: ("forced_by",),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The swap a command is for: no more of it than the sentences need."""

    model: str
    old: str | None
    new: str
    state: SwapState
    step: str = ""  # what it does now, and what comes then, while traffic moves
    standing: str = ""  # where all that the command would change stands
    takes_back: str = ""  # of a roll back: the swap that it takes back, and who asked for it


def subject_of(swap: SwapOperation, command: Command) -> Subject:
    """`swap` with its model."""
    standing = [str(getattr(swap, name)) for name in CHANGES[command]]
    return Subject(
        swap.model.name,
        swap.from_version,
        swap.to_version,
        SwapState(swap.state),
        step=_step(swap) if swap.state == _S.TRANSITIONING else "",
        standing=" ".join(standing),
        takes_back=_takes_back(swap) if command is Command.ROLLBACK and swap.reverses_id else "",
    )


def _takes_back(swap: SwapOperation) -> str:
    return f"{swap.reverses}, as {swap.requested_by} asked"


def _step(swap: SwapOperation) -> str:
    """As far as the steps say it: `holds at 25 % for 1 min` and what follows."""
    steps = parse_strategy(swap.strategy).steps
    reached = steps[: swap.step_index + 1]
    at = next((step.weight for step in reversed(reached) if step.weight is not None), 0)
    following = steps[swap.step_index + 1 :]
    then = next((step.weight for step in following if step.weight is not None), 100)
    return f"It stands at {at} % now; {then} % of traffic goes to {swap.to_version} next."


@dataclass(frozen=True, slots=True)
class Confirmation:
    command: Command
    title: str
    effect: str
    button: str
    keep: str = "Keep as it is"  # the safe choice
    asks_seconds: bool = False
    asks_full: bool = False
    typed: str = ""  # what must be typed to confirm
    standing: str = ""

    @property
    def effect_key(self) -> str:
        """Another effect, another key; and another once it was done."""
        return hashlib.sha256(f"{self.effect}|{self.standing}".encode()).hexdigest()[:16]

    @property
    def dangerous(self) -> bool:
        return self.command in DANGEROUS


def confirmation(command: Command, s: Subject) -> Confirmation:
    """The dialog's words for `command` on a swap in its present state."""
    return replace(_words(command, s), standing=s.standing)


def _words(command: Command, s: Subject) -> Confirmation:
    old = s.old or "nothing"
    match command:
        case Command.ROLLBACK:
            return _rollback(s, old)
        case Command.CANCEL:
            effect = "Nothing was loaded and no traffic has moved. The swap ends as Cancelled."
            if s.state is _S.LOADING_NEW_VERSION:
                effect = (
                    f"No traffic has moved: {old} keeps serving. {s.new} is unloaded where this "
                    "swap loaded it, and the swap ends as Cancelled."
                )
            return Confirmation(command, f"Cancel the swap to {s.new}?", effect, "Cancel swap")
        case Command.PAUSE:
            effect = (
                "The weights stay where they are and both versions keep serving until somebody "
                "resumes, promotes or rolls back."
            )
            return Confirmation(command, "Pause the swap?", effect, "Pause", keep="Go on")
        case Command.RESUME:
            effect = f"The swap goes on with its strategy: traffic moves further to {s.new}."
            return Confirmation(command, "Resume the swap?", effect, "Resume")
        case Command.PROMOTE:
            return _promote(s, old)
        case Command.EXTEND_DRAIN:
            version = s.new if s.state is _S.ROLLING_BACK else old
            effect = (
                f"Requests on {version} get that much longer to finish, counted from the present "
                "deadline, or from now if that is over. "
                f"{version} stays loaded until it is proven idle."
            )
            title = f"Give {version} more time?"
            return Confirmation(command, title, effect, "Extend drain", asks_seconds=True)
        case Command.FORCE_UNLOAD:
            version = s.new if s.state is _S.ROLLING_BACK else old
            effect = (
                f"{version} is unloaded although it may still execute requests: those requests "
                "fail at their callers. Your name stands on it in the audit log."
            )
            return Confirmation(
                command,
                f"Unload {version} by force?",
                effect,
                "Force unload",
                typed=version,
            )
        case Command.ROLL_FORWARD:
            effect = (
                f"The roll back is called off: 100 % of traffic goes to {s.new}; {old} drains "
                "and is unloaded."
            )
            return Confirmation(command, f"Roll forward to {s.new}?", effect, "Roll forward")


def _rollback(s: Subject, old: str) -> Confirmation:
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
    return Confirmation(Command.ROLLBACK, title, effect, button)


def _promote(s: Subject, old: str) -> Confirmation:
    if s.state is _S.OLD_VERSION_DRAINING:
        effect = (
            f"The time {old} is kept warm for ends now: once it is proven idle it is unloaded, "
            "and the quick way back with it."
        )
        return Confirmation(Command.PROMOTE, f"Stop keeping {old} warm?", effect, "Promote")
    effect = f"The swap passes its present step without waiting for it. {s.step}".rstrip()
    return Confirmation(Command.PROMOTE, f"Promote {s.new}?", effect, "Promote", asks_full=True)
