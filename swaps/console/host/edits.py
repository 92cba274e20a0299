"""Adding a host and changing one: a form, and a test of the connection before anything is saved."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST

from swaps.access.roles import Action, NotAllowed
from swaps.commands.errors import HostNotFound, InvalidRequest, Stale, SwapRefused
from swaps.commands.hosts.checks import check_in_steps, try_host
from swaps.commands.hosts.edits import SECRET, contents_of, find_host, update_host
from swaps.commands.hosts.examination import HostCheck
from swaps.commands.registration import register_host
from swaps.commands.revisions import revision_of
from swaps.console.host.form import HostEditForm, HostForm
from swaps.console.host.page import host_page_context
from swaps.console.shared.refusal_words import sentence
from swaps.console.shared.visitors import actor_of, context_of, page
from swaps.models import ModelHost
from swaps.models.hosts import HostHealth

NEW = {"kind": "bundled", "max_concurrent_loads": 1}


@require_http_methods(["GET", "HEAD", "POST"])
@page
def new_host(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, HostForm(initial=NEW | request.GET.dict()))
    form = HostForm(request.POST)
    if "test" in request.POST:
        return _tested(request, form, None)
    if not form.is_valid():
        return _page(request, form)
    try:
        host = register_host(actor=actor_of(request), **form.cleaned_data)
    except (SwapRefused, NotAllowed) as refused:
        return _page(request, form, refused)
    messages.add_message(request, *_came_of_it(host, "is registered"))
    return redirect("host", host.name)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def edit_host(request: HttpRequest, name: str) -> HttpResponse:
    host = _host(name)
    if request.method != "POST":
        kept = {n: v for n, v in contents_of(host).items() if n != SECRET}
        return _page(request, HostEditForm(initial=kept), host=host)
    form = HostEditForm(request.POST)
    if "test" in request.POST:
        return _tested(request, form, host)
    if not form.is_valid():
        return _page(request, form, host=host)
    try:
        host = update_host(
            actor=actor_of(request),
            name=name,
            if_match=request.POST.get("etag") or None,
            **form.changes(),
        )
    except (SwapRefused, NotAllowed) as refused:
        return _page(request, form, refused, host=host)
    messages.add_message(request, *_came_of_it(host, "is changed"))
    return redirect("host", host.name)


@require_POST
@page
def check_host(request: HttpRequest, name: str) -> HttpResponse:
    """Ask it now; for htmx the steps alone, otherwise the host's page with them."""
    actor = actor_of(request)
    status = 200
    context: dict[str, object] = {}
    try:
        context["checks"] = check_in_steps(actor=actor, name=name)
    except HostNotFound as refused:
        raise Http404(str(refused)) from refused
    except NotAllowed as refused:
        status, context["refusal"] = 403, sentence(refused, actor.name)
    if request.headers.get("HX-Request"):
        return render(request, "console/host/checks.html", context, status=status)
    context = host_page_context(request, name) | context
    return render(request, "console/host/page.html", context, status=status)


def _tested(request: HttpRequest, form: HostForm, host: ModelHost | None) -> HttpResponse:
    checks: Sequence[HostCheck] = ()
    refused: Exception | None = None
    form.is_valid()
    # A name is given when it is registered, and like the limit is nothing that could be tested.
    for untested in {"name", "max_concurrent_loads"} & form.errors.keys():
        del form.errors[untested]
    if not form.errors:
        try:
            checks = try_host(
                actor=actor_of(request),
                name=host.name if host else form.cleaned_data.get("name", ""),
                kind=form.cleaned_data["kind"],
                url=form.cleaned_data["url"],
                control_token=form.cleaned_data[SECRET],
            )
        except (SwapRefused, NotAllowed) as why:
            refused = why
    return _page(request, form, refused, host=host, checks=checks, inside=_is_htmx(request))


def _page(
    request: HttpRequest,
    form: HostForm,
    refused: Exception | None = None,
    *,
    host: ModelHost | None = None,
    checks: Sequence[HostCheck] = (),
    inside: bool = False,
) -> HttpResponse:
    """The form with what is wrong beside its fields; `inside`: the checks and those words alone,
    so that nothing typed is taken away, the token neither.
    """
    actor = actor_of(request)
    allowed = actor.may(Action.MANAGE_HOSTS)
    status, above = (200 if allowed else 403), ""
    if isinstance(refused, InvalidRequest) and refused.field in form.fields:
        form.add_error(refused.field, sentence(refused, host.name if host else None))
    elif isinstance(refused, Stale):
        above = "Somebody changed this host since you opened the form: see what it is now."
        status = 409
    elif refused is not None:
        above = sentence(refused, actor.name, host.name if host else None)
        status = 403 if isinstance(refused, NotAllowed) else 409
    if form.errors and allowed:
        status = 422
    context = context_of(request, "hosts") | {
        "form": form,
        "words": form.words if form.is_bound else {},
        "above": above,
        "host": host,
        "etag": revision_of(contents_of(host)) if host else "",
        "checks": checks,
        "allowed": allowed,
        "back": reverse("host", args=[host.name]) if host else reverse("hosts"),
    }
    template = "console/host/form_tested.html" if inside else "console/host/form.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _came_of_it(host: ModelHost, what: str) -> tuple[int, str]:
    if host.health == HostHealth.HEALTHY:
        return messages.SUCCESS, f"{host.name} {what}, and answers."
    why = host.health_reason or "it was not asked yet"
    return messages.WARNING, f"{host.name} {what}, and does not answer yet: {why}"


def _is_htmx(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request"))


def _host(name: str) -> ModelHost:
    try:
        return find_host(name)
    except HostNotFound as refused:
        raise Http404(str(refused)) from refused
