"""A swap's page: a reading, a template, nothing decided."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from swaps.access.roles import role_of
from swaps.console.shared.pages import show
from swaps.console.swap.live_swap import look_at_swap, swap_context


@require_safe
def swap(request: HttpRequest, swap_id: uuid.UUID) -> HttpResponse:
    """A swap, live. Without script or websocket this is its state at the time of loading."""
    live = look_at_swap(swap_id)
    if live is None:
        raise Http404(f"no swap has the id {swap_id}")
    return show(request, swap_context(live, role_of(request.user)))
