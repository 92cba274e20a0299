"""The frame's tags, `{% load navigation %}`: the rail, and what the handbook says about a page."""

from django import template
from django.http import HttpRequest
from django.template import RequestContext

from swaps.console.pages import IN_THE_RAIL
from swaps.console.shared.pages import Page, entry_asked_for
from swaps.handbook import pages as handbook

register = template.Library()


@register.simple_tag(takes_context=True)
def rail_pages(context: RequestContext) -> list[tuple[Page, str]]:
    """Each with what `aria-current` says of it: page, true for what stands under it, or ""."""
    here = _here(context)
    return [(page, _current(page, here)) for page in IN_THE_RAIL]


def _current(page: Page, here: Page | None) -> str:
    if here is None or page.name not in (here.name, here.place):
        return ""
    return "page" if here.name == page.name else "true"


@register.simple_tag(takes_context=True)
def handbook_pages(context: RequestContext) -> list[handbook.Page]:
    """What is to be read about the page that is shown."""
    here = _here(context)
    return [handbook.page(*name.split("/")) for name in here.handbook] if here else []


def _here(context: RequestContext) -> Page | None:
    # Fragments that are pushed are rendered without a request.
    request = context.get("request")
    return entry_asked_for(request) if isinstance(request, HttpRequest) else None
