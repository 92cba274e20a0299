"""Fields that both forms have which say how a swap goes: a model's, and the one that starts it."""

from django import forms

from swaps.commands.swaps.requests import LONGEST_SECONDS
from swaps.domain.texts import NotJson, read_json

# What they offer beside the strategies that have a name.
CUSTOM = "custom"


def seconds_field(least: int, label: str, unit: str = "seconds") -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        help_text=unit,
        min_value=least,
        max_value=LONGEST_SECONDS,
        required=False,
        error_messages={"invalid": "Enter a whole number of seconds."},
    )


def custom_strategy(form: forms.Form) -> object:
    """What its field `steps` says, as the engine takes a strategy; None with an error there."""
    try:
        given = read_json(str(form.cleaned_data.get("steps", "")))
    except NotJson as error:
        form.add_error("steps", str(error))
        return None
    return given if isinstance(given, dict) else {"name": CUSTOM, "steps": given}
