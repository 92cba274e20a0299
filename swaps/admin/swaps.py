"""Swaps: to be looked at, started and rolled back; nothing of them is edited."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from swaps.access.roles import Action
from swaps.admin.base import EVERYWHERE, EngineForm, ThroughEngine
from swaps.admin.links import link_to, list_of
from swaps.admin.site import actor_of, site
from swaps.commands.errors import InvalidRequest
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import request_activation
from swaps.domain.commands import Command
from swaps.domain.texts import NotJson, read_json
from swaps.models import AuditEntry, SwapEvent, SwapOperation


class SwapForm(EngineForm):
    names: ClassVar = {"model_name": "model", "strategy": "how"}
    beside: ClassVar = {
        "model-not-found": "model",
        "version-not-found": "to_version",
        "version-not-active": "from_version",
        "already-active": "from_version",
    }

    from_version = forms.CharField(
        required=False, help_text="what serves all traffic; empty for a model's first version"
    )
    to_version = forms.CharField()
    how = forms.CharField(
        label="Strategy",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text='a name, or {"steps": [...]}; empty: the model\'s default',
    )
    waits = forms.BooleanField(
        label="Wait in line", required=False, help_text="where another swap of the model is open"
    )

    def clean_how(self) -> object:
        text: str = self.cleaned_data["how"].strip()
        if not text.startswith("{"):
            return text or None
        try:
            return read_json(text)
        except NotJson as problem:
            raise forms.ValidationError(str(problem)) from problem

    def carry_out(self) -> Model:
        model, old, new = (self.given[n] for n in ("model", "from_version", "to_version"))
        options: dict[str, Any] = {
            "strategy": self.given["how"],
            "reason": self.given["reason"],
            "when_busy": "queue" if self.given["waits"] else "reject",
        }
        if old:
            return ModelHotSwapper(self.actor).swap_version(model.name, old, new, **options)
        swap = request_activation(actor=self.actor, model_name=model.name, version=new, **options)
        if swap is None:
            raise InvalidRequest("to_version", f"{new} serves all traffic of {model} already")
        return swap


@admin.register(SwapOperation, site=site)
class SwapAdmin(ThroughEngine):
    form = SwapForm
    manages = Action.SWAP
    changes = False
    actions = ("roll_back",)
    buttons: ClassVar = {"roll_back": Command.ROLLBACK}
    list_display = ("__str__", "state", "requested_by", "start_time", "end_time", "model_link")
    list_filter = ("state", "needs_approval", "model")
    search_fields = ("model__name", "to_version", "from_version", "requested_by", "reason")
    list_select_related = ("model",)
    _inputs = (
        *("strategy", "source_hosts", "target_hosts", "digests", "min_ready_hosts"),
        *("load_timeout_seconds", "drain_timeout_seconds", "swap_timeout_seconds"),
        *("on_drain_timeout", "keep_warm_seconds", "reason", "requested_by"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            asked = ("model", "from_version", "to_version", "how", "waits", "reason")
            return [(None, {"fields": asked})]
        now = ("model_link", "from_version", "to_version", "state", "waiting_for")
        times = ("start_time", "end_time", "error_message", "reverses_link", "events", "audit")
        return [
            (None, {"fields": (*now, *times)}),
            ("What it froze", {"fields": (*self._inputs, "needs_approval")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("model_link", "reverses_link", "events", "audit")

    def view_on_site(self, swap: SwapOperation) -> str:
        return reverse("swap", args=[swap.pk])

    @admin.display(description="model", ordering="model")
    def model_link(self, swap: SwapOperation) -> SafeString | str:
        return link_to(swap.model)

    @admin.display(description="takes back")
    def reverses_link(self, swap: SwapOperation) -> SafeString | str:
        return link_to(swap.reverses)

    @admin.display
    def events(self, swap: SwapOperation) -> SafeString:
        return list_of(SwapEvent, f"{swap.events.count()} events", swap__id__exact=swap.pk)

    @admin.display(description="audit log")
    def audit(self, swap: SwapOperation) -> SafeString:
        return list_of(AuditEntry, "what was asked of it", swap=swap.pk)

    @admin.action(description="Roll back: traffic returns to the old version", location=EVERYWHERE)
    def roll_back(self, request: HttpRequest, queryset: QuerySet[SwapOperation]) -> None:
        swapper = ModelHotSwapper(actor_of(request))

        def back(swap: SwapOperation) -> None:
            done = swapper.rollback(swap.pk)
            if done.pk != swap.pk:
                self.message_user(request, f"A new swap takes it back: {done}.", messages.INFO)

        self.each(request, queryset, back, "rolled back")
