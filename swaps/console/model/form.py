"""The form that registers a model or changes one: texts in, what the engine takes out."""

import json
from typing import Any

from django import forms

from swaps.console.shared.swap_fields import CUSTOM, custom_strategy, seconds_field
from swaps.domain.texts import NotJson, read_json
from swaps.models import ServedModel
from swaps.models.served_models import DrainTimeoutPolicy
from swaps.readings.model.models import ModelReading

LIMITS = ("drain_timeout_seconds", "load_timeout_seconds", "keep_warm_seconds")
# Of one inference: far more than any that is sent to warm a version up.
LONGEST_SAMPLE = 200_000


class ModelForm(forms.Form):
    """What is left out stands at its default. Which strategies there are is the engine's to say."""

    name = forms.CharField(
        max_length=63, error_messages={"required": "Give the name that clients will call."}
    )
    sample_request = forms.CharField(max_length=LONGEST_SAMPLE, required=False)
    default_strategy = forms.CharField(max_length=63, required=False)
    steps = forms.CharField(max_length=10_000, required=False)
    drain_timeout_seconds = seconds_field(0, "Drain limit")
    load_timeout_seconds = seconds_field(1, "Load limit")
    keep_warm_seconds = seconds_field(0, "Keep old warm", "seconds after the drain")
    on_drain_timeout = forms.ChoiceField(choices=DrainTimeoutPolicy.choices, required=False)
    protected = forms.BooleanField(required=False)
    # The revision that a change was decided upon.
    if_match = forms.CharField(max_length=100, required=False)

    def clean_sample_request(self) -> dict[str, Any] | None:
        """None: one is made from the host's metadata."""
        text = self.cleaned_data["sample_request"].strip()
        if not text:
            return None
        try:
            given = read_json(text)
        except NotJson as error:
            raise forms.ValidationError(str(error)) from error
        if not isinstance(given, dict):
            raise forms.ValidationError("It is a JSON object, as clients send it to infer.")
        return given

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("default_strategy") == CUSTOM:
            cleaned["default_strategy"] = custom_strategy(self)
        return cleaned

    @property
    def values(self) -> dict[str, Any]:
        """For the engine, of what is valid."""
        given = self.cleaned_data
        limits = {name: given[name] for name in LIMITS if given.get(name) is not None}
        policy = given.get("on_drain_timeout")
        return {
            "sample_request": given.get("sample_request"),
            "default_strategy": given.get("default_strategy") or None,
            **limits,
            **({"on_drain_timeout": policy} if policy else {}),
        }


def shown(model: ModelReading, named: frozenset[str]) -> dict[str, Any]:
    """A model as the form takes it back; `named`: the strategies that have a name."""
    strategy = model.default_strategy
    name = strategy.get("name")
    sample = model.sample_request
    return {
        "name": model.name,
        "sample_request": "" if sample is None else json.dumps(sample, indent=1),
        "default_strategy": name if name in named else CUSTOM,
        # With a header that callers are split by it is more than its steps.
        "steps": json.dumps(strategy if strategy.get("stickyHeader") else strategy.get("steps")),
        **{field: getattr(model, field) for field in LIMITS},
        "on_drain_timeout": model.on_drain_timeout,
        "if_match": model.etag,
    }


def defaults() -> dict[str, Any]:
    """What a model has when nothing is said."""
    model = ServedModel()
    return {field: getattr(model, field) for field in (*LIMITS, "on_drain_timeout")} | {
        "default_strategy": "all-at-once"
    }
