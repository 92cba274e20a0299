"""What every page of the admin has: permissions from the table of roles, writes by the engine."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, Model, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from swaps.access.roles import Action, Actor, NotAllowed, Permission
from swaps.admin.site import actor_of
from swaps.audit.refusals import record_refusal
from swaps.commands.errors import InvalidRequest, SwapRefused
from swaps.domain.texts import NotJson, read_json

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelAdmin, _ModelForm = admin.ModelAdmin, forms.ModelForm

# Columns by which nobody filters a list: whether one begins with an "a" would tell of it.
SECRETS = frozenset({"control_token", "password", "digest"})
# For an action that is offered for one object as well as for those chosen in a list.
EVERYWHERE = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]


class JsonField(forms.JSONField):
    """Django's own ends with an error where what is typed is nested too deeply."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                read_json(value or "null")
            except NotJson as problem:
                raise forms.ValidationError(str(problem)) from problem
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            read_json(data or "null")
        except NotJson:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return super().has_changed(initial, data)
        except forms.ValidationError:
            return True


class EngineForm(_ModelForm):
    """A form whose row is checked, written and audited by the engine, not by the form."""

    actor: ClassVar[Actor]
    # Where the engine's word for a field is not the form's.
    names: ClassVar[Mapping[str, str]] = {}
    # Beside which field a refusal stands, by its code; others stand above the form.
    beside: ClassVar[Mapping[str, str]] = {}
    # The revision that was looked at: what somebody else changed since is not overwritten.
    if_match = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.shown().items():
            self.initial.setdefault(name, value)

    def shown(self) -> dict[str, Any]:
        """What fields hold at first that are no columns of the row."""
        return {}

    def carry_out(self) -> Model:
        """Make or change the row. Raises SwapRefused, NotAllowed."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        """Django would check the row here, and save it later."""
        if self.errors:
            return
        try:
            self.instance = self.carry_out()
        except InvalidRequest as refused:
            field = self.names.get(refused.field, refused.field)
            self.add_error(field if field in self.fields else None, str(refused))
        except (SwapRefused, NotAllowed) as refused:
            self.add_error(self.beside.get(refused.code), str(refused))

    @property
    def adding(self) -> bool:
        return bool(self.instance._state.adding)

    @property
    def given(self) -> dict[str, Any]:
        return self.cleaned_data


class ThroughEngine(_ModelAdmin):
    """`looks` and `manages`: what it takes to see these objects, and to change them."""

    looks: ClassVar[Action] = Action.VIEW
    manages: ClassVar[Action | None] = None
    adds: ClassVar[bool] = True
    changes: ClassVar[bool] = True
    deletes: ClassVar[bool] = False
    # Buttons, and what each takes.
    buttons: ClassVar[Mapping[str, Permission]] = {}
    # The kind of object in the audit log, and the field that names it there.
    audited_as: ClassVar[tuple[str, str]] = ("", "")
    show_full_result_count = False
    formfield_overrides: ClassVar = {JSONField: {"form_class": JsonField}}
    list_per_page = 50

    # Permissions

    def has_module_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).may(self.looks)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).may(self.looks)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.adds and self._manages(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.changes and self._manages(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletes and self._manages(request)

    def _manages(self, request: HttpRequest) -> bool:
        return self.manages is not None and actor_of(request).may(self.manages)

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> Any:
        """Buttons by role; and for deleting what is chosen, our own way of it."""
        actions = super().get_actions(request, action_location)
        actions.pop("delete_selected", None)
        may = actor_of(request).may
        return {name: one for name, one in actions.items() if may(self.buttons[name])}

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        if lookup.partition("__")[0] in SECRETS:
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    # Pages. Each write of the engine is a transaction of its own, and so is each refusal: one
    # around them would hold rows while a host is called, and lose the refusal's audit entry.

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return self._audited(
            request,
            lambda: self._changeform_view(  # type: ignore[attr-defined]
                request, object_id, form_url, extra_context
            ),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return self._audited(request, lambda: super(ThroughEngine, self).changelist_view(request))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            return self._audited(
                request,
                lambda: self._delete_view(  # type: ignore[attr-defined]
                    request, object_id, extra_context
                ),
            )
        except (SwapRefused, NotAllowed) as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return HttpResponseRedirect(
                reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
            )

    def _audited(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        """What a role does not include is refused before the engine hears of it: say so here."""
        try:
            if request.method == "POST":
                self._require_button(request)
            return view()
        except PermissionDenied:
            if request.method == "POST":
                actor = actor_of(request)
                record_refusal(
                    actor=actor,
                    action=self._asked(request) or self.manages or self.looks,
                    object_kind="request",
                    object_name=request.path,
                    reason=f"{actor.name} ({actor.role or 'no role'}) may not do this here",
                    code=NotAllowed.code,
                )
            raise

    def _asked(self, request: HttpRequest) -> Permission | None:
        """What the button that was pressed takes."""
        given = [v for name, v in request.POST.items() if name.rpartition("-")[2] == "action"]
        return next((self.buttons[str(name)] for name in given if name in self.buttons), None)

    def _require_button(self, request: HttpRequest) -> None:
        """One that was not offered and is pressed all the same would be ignored in silence."""
        asked = self._asked(request)
        if asked is not None and not actor_of(request).may(asked):
            raise PermissionDenied

    # Writing

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"actor": actor_of(request)})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's engine function has done it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is edited in the page of another object."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_one(actor_of(request), obj)

    def delete_one(self, actor: Actor, row: Any) -> None:
        """Where `deletes`. Raises SwapRefused, NotAllowed."""
        raise NotImplementedError

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        raise PermissionDenied("objects are deleted one by one")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with an object, and what keeps it, is the engine's to say."""
        return [str(one) for one in objs], {}, set(), []

    @admin.action(description="Delete the selected %(verbose_name_plural)s")
    def delete_each(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        if request.POST.get("post"):
            self.each(request, queryset, lambda one: self.delete_model(request, one), "deleted")
            return None
        context = self.admin_site.each_context(request) | {
            "title": "Delete these?",
            "objects_name": str(self.opts.verbose_name_plural),
            "deletable_objects": [self.get_deleted_objects(queryset, request)[0]],
            "queryset": queryset,
            "opts": self.opts,
            "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/swaps/delete_each.html", context)

    def each(
        self,
        request: HttpRequest,
        rows: Iterable[Any],
        do: Callable[[Any], object],
        done: str,
    ) -> None:
        """Object by object; says what was done, and of each refusal to which and why."""
        carried_out = []
        for row in rows:
            name = str(row)
            try:
                do(row)
            except (SwapRefused, NotAllowed) as refused:
                words = f"{self.opts.verbose_name} {name}: {refused}"
                self.message_user(request, words, messages.ERROR)
            else:
                carried_out.append(name)
        if carried_out:
            self.message_user(request, f"{done.capitalize()}: {', '.join(carried_out)}.")

    # The audit log is what remembers: Django's own list of changes is not kept beside it.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        pass

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        pass

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        obj = self.get_object(request, object_id)
        kind, field = self.audited_as
        address = reverse("admin:swaps_auditentry_changelist")
        if obj is None or not kind:
            return HttpResponseRedirect(address)
        name = getattr(obj, field) if field else str(obj)
        return HttpResponseRedirect(f"{address}?object_kind={kind}&object_name={name}")
