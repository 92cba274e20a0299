"""Filling in the admin's forms as a browser does: what stands in a field is sent back."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model
from django.forms import BaseForm
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse


def address(kind: type[Model] | Model, page: str = "changelist") -> str:
    name = f"admin:{kind._meta.app_label}_{kind._meta.model_name}_{page}"
    return reverse(name, args=[kind.pk] if isinstance(kind, Model) else [])


def form_of(response: HttpResponse) -> BaseForm:
    form: BaseForm = response.context["adminform"].form  # type: ignore[attr-defined]
    return form


def errors_of(response: HttpResponse) -> dict[str, str]:
    """By field, `__all__` for those of none."""
    assert response.status_code == 200, response
    return {name: " ".join(words) for name, words in form_of(response).errors.items()}


def submit(client: Client, where: str, **typed: Any) -> HttpResponse:
    """The form at this address, with what it shows but for what is typed."""
    form = form_of(client.get(where))
    shown = {name: form[name].value() for name in form.fields}
    shown = {name: "" if value is None else value for name, value in shown.items()}
    # A box that is not ticked is not sent.
    given = {name: value for name, value in (shown | typed).items() if value is not False}
    response: HttpResponse = client.post(where, given)
    return response


def press(client: Client, button: str, *rows: Model, **more: Any) -> str:
    """On the list, with these chosen. The page that follows."""
    response = client.post(
        address(type(rows[0])),
        {"action": button, ACTION_CHECKBOX_NAME: [row.pk for row in rows]} | more,
        follow=True,
    )
    return str(response.content.decode())
