"""Models: the defaults of their swaps, and their protection."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from swaps.access.roles import Action, Actor
from swaps.admin.base import EVERYWHERE, EngineForm, ThroughEngine
from swaps.admin.links import list_of
from swaps.admin.site import actor_of, site
from swaps.commands.models.edits import contents_of, delete_model, update_model
from swaps.commands.models.protection import protect_model, unprotect_model
from swaps.commands.registration import register_model
from swaps.commands.revisions import revision_of
from swaps.commands.swaps.operations import release_queue
from swaps.commands.swaps.strategies import default_strategy
from swaps.domain.texts import NotJson, read_json
from swaps.models import AuditEntry, Placement, Route, ServedModel, SwapOperation

_COLUMNS = (
    "sample_request",
    "drain_timeout_seconds",
    "load_timeout_seconds",
    "on_drain_timeout",
    "keep_warm_seconds",
)


class ModelForm(EngineForm):
    names: ClassVar = {"default_strategy": "strategy"}

    strategy = forms.CharField(
        label="Default strategy",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text='the name of a strategy, or {"steps": [...]}',
    )

    def shown(self) -> dict[str, Any]:
        if self.adding:
            return {}
        return {
            "strategy": shown_strategy(self.instance),
            "if_match": revision_of(contents_of(self.instance)),
        }

    def clean_strategy(self) -> object:
        text: str = self.cleaned_data["strategy"].strip()
        if not text.startswith("{"):
            return text or None
        try:
            return read_json(text)
        except NotJson as problem:
            raise forms.ValidationError(str(problem)) from problem

    def carry_out(self) -> Model:
        given = {name: self.given[name] for name in _COLUMNS}
        strategy = self.given["strategy"]
        if self.adding:
            return register_model(
                actor=self.actor, name=self.given["name"], default_strategy=strategy, **given
            )
        return update_model(
            actor=self.actor,
            name=self.instance.name,
            if_match=self.given["if_match"] or None,
            default_strategy=strategy,
            **given,
        )


def shown_strategy(model: ServedModel) -> str:
    """As the field takes it back: by name where the model follows that name."""
    if model.named_strategy is not None:
        return model.named_strategy.name
    return json.dumps(default_strategy(model).as_json())


@admin.register(ServedModel, site=site)
class ModelAdmin(ThroughEngine):
    form = ModelForm
    manages = Action.MANAGE_MODELS
    deletes = True
    audited_as = ("model", "name")
    actions = ("protect", "unprotect", "release", "delete_each")
    buttons: ClassVar = {
        "protect": Action.PROTECT,
        "unprotect": Action.PROTECT,
        "release": Action.RELEASE_QUEUE,
        "delete_each": Action.MANAGE_MODELS,
    }
    list_display = ("name", "serves", "protected", "on_drain_timeout", "swaps", "start")
    list_filter = ("protected", "on_drain_timeout")
    search_fields = ("name",)
    list_select_related = ("route",)
    _seen = ("serves", "protection", "queue_held_reason", "placements", "swaps", "start", "audit")

    def delete_one(self, actor: Actor, row: ServedModel) -> None:
        delete_model(actor=actor, name=row.name)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "strategy", *_COLUMNS)
        if not self.has_change_permission(request, obj):
            return ("name", "default", *_COLUMNS, *self._seen)
        return ("name", "strategy", *_COLUMNS, "if_match", *self._seen)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._seen if obj is None else ("name", "default", *self._seen)

    def view_on_site(self, model: ServedModel) -> str:
        return reverse("model", args=[model.name])

    @admin.display(description="default strategy")
    def default(self, model: ServedModel) -> str:
        return shown_strategy(model)

    @admin.display
    def serves(self, model: ServedModel) -> str:
        route: Route | None = getattr(model, "route", None)
        weights = route.weights if route else {}
        return ", ".join(f"{v} {percent} %" for v, percent in weights.items()) or "nothing yet"

    @admin.display
    def protection(self, model: ServedModel) -> str:
        if not model.protected:
            return "none: swaps begin without a second person"
        asked = getattr(model, "unprotect_request", None)
        if asked is None:
            return "a swap waits for the approval of a second person"
        return f"{asked.requested_by} asks to give it up; another administrator may agree"

    @admin.display
    def placements(self, model: ServedModel) -> SafeString:
        number = model.placements.count()
        return list_of(Placement, f"{number} on hosts", model__id__exact=model.pk)

    @admin.display
    def swaps(self, model: ServedModel) -> SafeString:
        return list_of(SwapOperation, "its swaps", model__id__exact=model.pk)

    @admin.display(description="start a swap")
    def start(self, model: ServedModel) -> SafeString:
        return format_html('<a href="{}?model={}">Swap…</a>', reverse("start-swap"), model.name)

    @admin.display(description="audit log")
    def audit(self, model: ServedModel) -> SafeString:
        return list_of(
            AuditEntry, "what was done to it", object_kind="model", object_name=model.name
        )

    @admin.action(description="Protect: swaps need a second person", location=EVERYWHERE)
    def protect(self, request: HttpRequest, queryset: QuerySet[ServedModel]) -> None:
        actor = actor_of(request)
        self.each(
            request, queryset, lambda m: protect_model(actor=actor, model_name=m.name), "protected"
        )

    @admin.action(description="Unprotect: ask, or agree with who asked", location=EVERYWHERE)
    def unprotect(self, request: HttpRequest, queryset: QuerySet[ServedModel]) -> None:
        actor = actor_of(request)

        def ask(model: ServedModel) -> None:
            row = unprotect_model(actor=actor, model_name=model.name)
            words = "waits for a second administrator" if row.protected else "is not protected now"
            self.message_user(request, f"Model {model.name} {words}.")

        self.each(request, queryset, ask, "asked for")

    @admin.action(description="Release the held queue", location=EVERYWHERE)
    def release(self, request: HttpRequest, queryset: QuerySet[ServedModel]) -> None:
        actor = actor_of(request)
        self.each(
            request, queryset, lambda m: release_queue(actor=actor, model_name=m.name), "released"
        )
