"""A form is sent: either its command is done, or what stands in the way is shown at the form, with
all that was typed.
"""

from collections.abc import Callable, Mapping

from django import forms
from django.http import HttpRequest

from swaps.access.roles import Action, NotAllowed
from swaps.commands.errors import SwapRefused
from swaps.console.shared.refusals import Refusal, refusal_of
from swaps.console.shared.visitors import actor_of

INVALID = Refusal("See what is marked below.", 422)


def send_form[T](
    request: HttpRequest,
    form: forms.Form,
    do: Callable[[], T],
    *,
    action: Action,
    names: tuple[str | None, ...] = (),
    fields: Mapping[str, str] | None = None,
    place: Callable[[SwapRefused, Refusal], Refusal] | None = None,
) -> T | Refusal:
    """What `do` gives, or why it was not done, which the form tells beside its fields then.

    `do` is asked to bear what is not valid: whoever may not is refused by the command, whatever
    they typed, which also audits it. `fields`: the form's names for those of the command, where
    they differ. `place` puts a refusal that needs it into other words, or beside a field.
    """
    actor = actor_of(request)
    if not form.is_valid() and actor.may(action):
        return INVALID
    try:
        return do()
    except NotAllowed as refused:
        refusal = refusal_of(refused, actor.name, *names)
    except SwapRefused as refused:
        refusal = refusal_of(refused, actor.name, *names)
        if place is not None:
            refusal = place(refused, refusal)
    field = (fields or {}).get(refusal.field, refusal.field)
    beside = field in form.fields
    form.add_error(field if beside else None, refusal.words)
    # What stands beside a field can be mended there.
    return Refusal(refusal.words, 422, field) if beside else refusal
