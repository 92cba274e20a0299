"""What can be done about a model from its page: for whoever may, or why not now."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from swaps.access.roles import Action, Actor, Role
from swaps.domain.commands import Command
from swaps.models import SwapOperation
from swaps.readings.model.models import ModelReading


@dataclass(frozen=True, slots=True)
class ModelButton:
    """`dialog`: it asks in a dialog; otherwise it leads to a page."""

    key: str
    label: str
    address: str = ""
    dialog: bool = True
    primary: bool = False
    dangerous: bool = False
    refusal: str | None = None  # why it cannot be pressed now


def main_buttons(
    role: Role | None, model: ModelReading, last_completed: SwapOperation | None
) -> list[ModelButton]:
    """Beside the one that starts a swap. `last_completed`: by which what serves now came to
    serve.
    """
    return list(_main(Actor("", role, "console"), model, last_completed))


def _main(
    reader: Actor, model: ModelReading, last_completed: SwapOperation | None
) -> Iterator[ModelButton]:
    if not model.route.weights and reader.may(Action.ACTIVATE):
        yield ModelButton(
            "activate",
            "Activate a version…",
            reverse("activate", args=[model.name]),
            primary=True,
            refusal="A swap is under way: show it, below." if model.open_swap else None,
        )
        return
    if reader.may(Command.ROLLBACK):
        yield _roll_back(model, last_completed)


def _roll_back(model: ModelReading, last: SwapOperation | None) -> ModelButton:
    why, label, address = None, "Roll back…", ""
    if model.open_swap:
        why = "A swap is open: roll that one back, on its page."
    elif last is None:
        why = "Nothing serves by a swap that could be taken back."
    elif last.from_version is None:
        why = f"{last.to_version} is the first version: there is none to go back to."
    else:
        label = f"Roll back to {last.from_version}…"
        address = reverse("swap-command", args=[last.pk, Command.ROLLBACK])
    return ModelButton("rollback", label, address, dangerous=True, refusal=why)


def managing_buttons(role: Role | None, model: ModelReading) -> list[ModelButton]:
    return list(_managing(Actor("", role, "console"), model))


def _managing(reader: Actor, model: ModelReading) -> Iterator[ModelButton]:
    def ask(what: str) -> str:
        return reverse("model-ask", args=[model.name, what])

    if reader.may(Action.MANAGE_MODELS):
        yield ModelButton("edit", "Edit…", reverse("edit-model", args=[model.name]), dialog=False)
    if reader.may(Action.PROTECT):
        if not model.protected:
            yield ModelButton("protect", "Protect…", ask("protect"))
        elif model.unprotect_request is None:
            yield ModelButton("unprotect", "Ask to give up the protection…", ask("unprotect"))
        else:
            yield ModelButton("unprotect", "Agree to give up the protection…", ask("unprotect"))
            yield ModelButton("protect", "Keep it protected…", ask("protect"))
    if reader.may(Action.MANAGE_MODELS):
        yield ModelButton("delete", "Delete…", ask("delete"), dangerous=True)
