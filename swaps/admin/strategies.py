"""Strategies that people gave a name."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from swaps.access.roles import Action, Actor
from swaps.admin.base import EngineForm, ThroughEngine
from swaps.admin.links import link_to
from swaps.admin.site import site
from swaps.commands.revisions import revision_of
from swaps.commands.swaps.strategies import (
    contents_of,
    create_strategy,
    delete_strategy,
    update_strategy,
)
from swaps.models import NamedStrategy


class StrategyForm(EngineForm):
    def shown(self) -> dict[str, Any]:
        return {} if self.adding else {"if_match": revision_of(contents_of(self.instance))}

    def carry_out(self) -> Model:
        given = {name: self.given[name] for name in ("steps", "sticky_header", "description")}
        if self.adding:
            return create_strategy(actor=self.actor, name=self.given["name"], **given)
        return update_strategy(
            actor=self.actor,
            name=self.instance.name,
            if_match=self.given["if_match"] or None,
            **given,
        )


@admin.register(NamedStrategy, site=site)
class StrategyAdmin(ThroughEngine):
    form = StrategyForm
    manages = Action.MANAGE_STRATEGIES
    deletes = True
    audited_as = ("strategy", "name")
    actions = ("delete_each",)
    buttons: ClassVar = {"delete_each": Action.MANAGE_STRATEGIES}
    list_display = ("name", "description", "sticky_header", "created_at")
    search_fields = ("name", "description")

    def delete_one(self, actor: Actor, row: NamedStrategy) -> None:
        delete_strategy(actor=actor, name=row.name)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ("name", "steps", "sticky_header", "description")
        if obj is None:
            return asked
        hidden = ("if_match",) if self.has_change_permission(request, obj) else ()
        return (*asked, *hidden, "default_of")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("name", "default_of")

    @admin.display(description="default of")
    def default_of(self, named: NamedStrategy) -> SafeString | str:
        models = named.default_of.all()
        return format_html_join(", ", "{}", ((link_to(model),) for model in models)) or "no model"
