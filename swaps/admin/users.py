"""People: a name, a role, a password. Nobody is deleted: the audit log goes on naming them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from swaps.access.roles import Action, Role
from swaps.admin.base import EVERYWHERE, EngineForm, ThroughEngine
from swaps.admin.links import list_of
from swaps.admin.site import actor_of, site
from swaps.commands.people.users import contents_of, create_user, role_of_person, update_user
from swaps.commands.revisions import revision_of
from swaps.models import ApiToken, AuditEntry


class UserForm(EngineForm):
    names: ClassVar = {"password": "new_password"}

    role = forms.ChoiceField(choices=[(role.value, role.value) for role in Role])
    active = forms.BooleanField(
        required=False, help_text="not active: their pages, tokens and streams end at once"
    )
    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="leave empty to keep what is there; a new one ends their sessions",
    )

    def shown(self) -> dict[str, Any]:
        if self.adding:
            return {"role": Role.VIEWER.value}
        return {
            "role": role_of_person(self.instance),
            "active": self.instance.is_active,
            "if_match": revision_of(contents_of(self.instance)),
        }

    def carry_out(self) -> Model:
        password = self.given["new_password"]
        if self.adding:
            return create_user(
                actor=self.actor,
                username=self.given["username"],
                password=password,
                role=self.given["role"],
            )
        changes = {name: self.given[name] for name in ("role", "active")}
        if password:
            changes["password"] = password
        shown = self.shown()
        # What stays is not asked for: who changes a password only may do so for themselves.
        changes = {name: value for name, value in changes.items() if shown.get(name) != value}
        return update_user(
            actor=self.actor,
            username=self.instance.get_username(),
            if_match=self.given["if_match"] or None,
            **changes,
        )


@admin.register(User, site=site)
class UserAdmin(ThroughEngine):
    form = UserForm
    looks = manages = Action.MANAGE_USERS
    audited_as = ("user", "username")
    actions = ("disable",)
    buttons: ClassVar = {"disable": Action.MANAGE_USERS}
    list_display = ("username", "role_held", "is_active", "last_login", "date_joined")
    list_filter = ("is_active", "groups")
    search_fields = ("username",)
    ordering = ("username",)
    _seen = ("last_login", "date_joined", "tokens", "audit")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("username", "role", "new_password")
        return ("username", "role", "active", "new_password", "if_match", *self._seen)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._seen if obj is None else ("username", *self._seen)

    @admin.display(description="role")
    def role_held(self, user: User) -> str:
        return role_of_person(user) or "none"

    @admin.display
    def tokens(self, user: User) -> SafeString:
        return list_of(ApiToken, "those that speak for them", user__id__exact=user.pk)

    @admin.display(description="audit log")
    def audit(self, user: User) -> SafeString:
        return list_of(AuditEntry, "what they did", actor=user.get_username())

    @admin.action(description="Disable: their pages, tokens and streams end", location=EVERYWHERE)
    def disable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        actor = actor_of(request)
        self.each(
            request,
            queryset,
            lambda one: update_user(actor=actor, username=one.get_username(), active=False),
            "disabled",
        )
