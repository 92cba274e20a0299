"""Model hosts: their credential is written, and never shown."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from swaps.access.roles import Action, Actor
from swaps.adapters.registry import KINDS
from swaps.admin.base import EVERYWHERE, EngineForm, ThroughEngine
from swaps.admin.links import list_of
from swaps.admin.site import actor_of, site
from swaps.commands.hosts.checks import check_again
from swaps.commands.hosts.edits import contents_of, delete_host, update_host
from swaps.commands.registration import register_host
from swaps.commands.revisions import revision_of
from swaps.models import AuditEntry, ModelHost, Placement

_LIMITS = ("max_concurrent_loads", "idle_timeout_seconds")


class HostForm(EngineForm):
    names: ClassVar = {"control_token": "new_control_token"}

    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], initial=KINDS[0])
    url = forms.CharField(help_text="base address, for example http://127.0.0.1:8001")
    new_control_token = forms.CharField(
        label="Control token",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="sent as a bearer token with load and unload; never shown. Leave empty to keep "
        "what is there.",
    )
    forget_control_token = forms.BooleanField(
        required=False, help_text="the host needs none any more"
    )

    def shown(self) -> dict[str, Any]:
        return {} if self.adding else {"if_match": revision_of(contents_of(self.instance))}

    def carry_out(self) -> Model:
        given = {name: self.given[name] for name in ("kind", "url", *_LIMITS)}
        token = self.given["new_control_token"]
        if self.adding:
            return register_host(
                actor=self.actor, name=self.given["name"], control_token=token, **given
            )
        if token or self.given["forget_control_token"]:
            given["control_token"] = token
        return update_host(
            actor=self.actor,
            name=self.instance.name,
            if_match=self.given["if_match"] or None,
            **given,
        )


@admin.register(ModelHost, site=site)
class HostAdmin(ThroughEngine):
    form = HostForm
    manages = Action.MANAGE_HOSTS
    deletes = True
    audited_as = ("host", "name")
    actions = ("ask", "delete_each")
    buttons: ClassVar = {"ask": Action.MANAGE_HOSTS, "delete_each": Action.MANAGE_HOSTS}
    list_display = ("name", "kind", "url", "health", "last_seen_at", "placements")
    list_filter = ("health", "kind")
    search_fields = ("name", "url")
    _seen = (
        *("health", "health_reason", "last_seen_at", "boot_id"),
        *("measured_keep_alive_seconds", "placements", "audit"),
    )

    def delete_one(self, actor: Actor, row: ModelHost) -> None:
        delete_host(actor=actor, name=row.name)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ("name", "kind", "url", *_LIMITS, *self._seen)
        asked = ("name", "kind", "url", "new_control_token")
        if obj is None:
            return (*asked, *_LIMITS)
        return (*asked, "forget_control_token", *_LIMITS, "if_match", *self._seen)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._seen if obj is None else ("name", *self._seen)

    @admin.display(description="placements")
    def placements(self, host: ModelHost) -> SafeString:
        number = host.placements.count()
        return list_of(Placement, f"{number} versions", host__id__exact=host.pk)

    @admin.display(description="audit log")
    def audit(self, host: ModelHost) -> SafeString:
        return list_of(AuditEntry, "what was done to it", object_kind="host", object_name=host.name)

    @admin.action(description="Ask who it is, now", location=EVERYWHERE)
    def ask(self, request: HttpRequest, queryset: QuerySet[ModelHost]) -> None:
        actor = actor_of(request)
        self.each(request, queryset, lambda host: check_again(actor=actor, name=host.name), "asked")
