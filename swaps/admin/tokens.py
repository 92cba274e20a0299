"""API tokens: made, shown once, revoked; never changed."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from swaps.access.roles import Action, Role
from swaps.admin.base import EVERYWHERE, EngineForm, ThroughEngine
from swaps.admin.site import actor_of, site
from swaps.commands.people.tokens import issue_token, revoke_token
from swaps.models import ApiToken, ServedModel


class TokenForm(EngineForm):
    names: ClassVar = {"user": "owner", "models": "only_models"}
    plaintext: str = ""

    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label="Speaks for",
        required=False,
        empty_label="yourself",
    )
    role = forms.ChoiceField(choices=[(role.value, role.value) for role in Role])
    only_models = forms.ModelMultipleChoiceField(
        ServedModel.objects.order_by("name"),
        required=False,
        help_text="the only models it sees and acts on; none chosen: every model",
    )

    def carry_out(self) -> Model:
        owner: User | None = self.given["owner"]
        names = [model.name for model in self.given["only_models"]]
        token, self.plaintext = issue_token(
            actor=self.actor,
            name=self.given["name"],
            role=self.given["role"],
            username=owner.get_username() if owner else None,
            models=names or None,
            expires_at=self.given["expires_at"],
        )
        # Kept beside the row until this request has been answered, and nowhere else.
        token.__dict__["plaintext"] = self.plaintext
        return token


@admin.register(ApiToken, site=site)
class TokenAdmin(ThroughEngine):
    form = TokenForm
    looks = manages = Action.MANAGE_TOKENS
    changes = False
    audited_as = ("token", "")
    actions = ("revoke",)
    buttons: ClassVar = {"revoke": Action.MANAGE_TOKENS}
    list_display = ("name", "prefix", "user", "role", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter), "user")
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "owner", "role", "only_models", "expires_at")
        return (
            *("name", "prefix", "user", "made_by", "role", "models", "created_at"),
            *("expires_at", "last_used_at", "revoked_at"),
        )

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Its plain text is in this answer and nowhere else, so this is no redirect."""
        context = self.admin_site.each_context(request) | {
            "title": f"Token {obj.name}",
            "token": obj,
            "plaintext": obj.__dict__.pop("plaintext"),
            "opts": self.opts,
        }
        response = TemplateResponse(request, "admin/swaps/token_made.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Revoke", location=EVERYWHERE)
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        actor = actor_of(request)
        self.each(
            request, queryset, lambda one: revoke_token(actor=actor, token_id=one.pk), "revoked"
        )
