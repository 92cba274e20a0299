"""The form that starts a swap: texts in, a request of the engine out."""

import uuid
from typing import Any

from django import forms
from django.http import QueryDict

from swaps.commands.swaps.requests import SwapRequest
from swaps.console.shared.swap_fields import CUSTOM, custom_strategy, seconds_field
from swaps.models.served_models import DrainTimeoutPolicy


class StartSwapForm(forms.Form):
    """Versions, hosts and strategies are texts here: which there are is the engine's to say."""

    # Two clicks on one button are one request: the engine does each key once.
    key = forms.CharField(max_length=64, required=False)
    model = forms.CharField(max_length=63)
    from_version = forms.CharField(max_length=63, required=False)
    to_version = forms.CharField(
        max_length=63, error_messages={"required": "Choose the version to swap to."}
    )
    hosts = forms.Field(required=False)
    strategy = forms.CharField(max_length=63)
    steps = forms.CharField(max_length=10_000, required=False)
    drain_timeout_seconds = seconds_field(0, "Drain limit")
    load_timeout_seconds = seconds_field(1, "Load limit")
    keep_warm_seconds = seconds_field(0, "Keep old warm", "seconds after the drain")
    on_drain_timeout = forms.ChoiceField(
        choices=[("", "the model's default"), *DrainTimeoutPolicy.choices], required=False
    )
    when_busy = forms.CharField(max_length=10, required=False)
    reason = forms.CharField(max_length=500, required=False, strip=True)

    def __init__(self, data: QueryDict | None = None, *, initial: QueryDict | None = None) -> None:
        given = data if data is not None else initial
        values = given.dict() if given is not None else {}
        self.hosts_given = given.getlist("hosts") if given is not None else []
        super().__init__(data, initial=values)

    def clean_hosts(self) -> list[str] | None:
        """None: those that the model is on."""
        return self.hosts_given or None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("strategy") == CUSTOM:
            cleaned["strategy"] = custom_strategy(self)
        return cleaned

    def as_request(self) -> SwapRequest:
        """Of what is valid; the rest stands at its default."""
        given = self.cleaned_data
        return SwapRequest(
            model_name=given.get("model", ""),
            from_version=given.get("from_version") or None,
            to_version=given.get("to_version", ""),
            strategy=given.get("strategy") or None,
            target_hosts=given.get("hosts"),
            drain_timeout_seconds=given.get("drain_timeout_seconds"),
            load_timeout_seconds=given.get("load_timeout_seconds"),
            keep_warm_seconds=given.get("keep_warm_seconds"),
            on_drain_timeout=given.get("on_drain_timeout") or None,
            when_busy=given.get("when_busy") or "reject",
            reason=given.get("reason", ""),
        )


def new_key() -> str:
    return uuid.uuid4().hex
