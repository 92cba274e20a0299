"""Ways from one object to those that belong to it."""

from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def link_to(row: Model | None, text: object = None) -> SafeString | str:
    if row is None:
        return "–"
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[row.pk]), text or row)


def list_of(kind: type[Model], text: str, **filters: object) -> SafeString:
    address = reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', address, urlencode(filters), text)
