"""What the fleet is made of: model hosts and router nodes. To look at; nothing decided."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.visitors import context_of, page
from swaps.models import ModelHost
from swaps.readings.hosts import read_host, read_hosts
from swaps.readings.router import read_router

HOSTS_SHOWN = 200


@require_safe
@page
def hosts(request: HttpRequest) -> HttpResponse:
    """All model hosts: what they are, whether they answer, how much is on them."""
    found = read_hosts(limit=HOSTS_SHOWN)
    context = {"hosts": found.items, "more": found.cursor is not None}
    return render(request, "console/hosts.html", context_of(request, "hosts") | context)


@require_safe
@page
def host(request: HttpRequest, name: str) -> HttpResponse:
    """One host: what it can do, and each version on it, as wanted and as seen."""
    try:
        reading = read_host(name)
    except ModelHost.DoesNotExist:
        raise Http404(f"no host {name!r} is registered") from None
    return render(request, "console/host.html", context_of(request, "hosts") | {"host": reading})


@require_safe
@page
def router(request: HttpRequest) -> HttpResponse:
    """Every Envoy and what it has applied; what still has to agree comes first."""
    context = {"router": read_router()}
    return render(request, "console/router.html", context_of(request, "router") | context)
