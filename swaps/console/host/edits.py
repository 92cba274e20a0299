"""Adding a host and changing one: a form, and a test of the connection before anything is saved."""

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST

from swaps.access.roles import Action, NotAllowed
from swaps.commands.hosts.checks import check_in_steps, try_host
from swaps.commands.hosts.edits import SECRET, contents_of, find_host, update_host
from swaps.commands.hosts.examination import HostCheck
from swaps.commands.registration import register_host
from swaps.commands.revisions import revision_of
from swaps.console.host.form import HostEditForm, HostForm
from swaps.console.host.page import host_page_context
from swaps.console.shared.forms import send_form
from swaps.console.shared.pages import show
from swaps.console.shared.refusals import Refusal, refusal_of
from swaps.console.shared.visitors import actor_of
from swaps.models import ModelHost
from swaps.models.hosts import HostHealth

NEW = {"kind": "bundled", "max_concurrent_loads": 1}


@require_http_methods(["GET", "HEAD", "POST"])
def new_host(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, HostForm(initial=NEW | request.GET.dict()))
    form = HostForm(request.POST)
    if "test" in request.POST:
        return _test(request, form, None)
    actor = actor_of(request)
    host = _send(request, form, lambda: register_host(actor=actor, **form.given()))
    if isinstance(host, Refusal):
        return _page(request, form, host)
    messages.add_message(request, *_came_of_it(host, "is registered"))
    return redirect("host", host.name)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_host(request: HttpRequest, name: str) -> HttpResponse:
    host = find_host(name)
    if request.method != "POST":
        kept = {n: v for n, v in contents_of(host).items() if n != SECRET}
        return _page(request, HostEditForm(initial=kept), host=host)
    form = HostEditForm(request.POST)
    if "test" in request.POST:
        return _test(request, form, host)

    def update() -> ModelHost:
        return update_host(
            actor=actor_of(request),
            name=name,
            if_match=request.POST.get("etag") or None,
            **form.changes(),
        )

    changed = _send(request, form, update, name)
    if isinstance(changed, Refusal):
        return _page(request, form, changed, host=host)
    messages.add_message(request, *_came_of_it(changed, "is changed"))
    return redirect("host", changed.name)


@require_POST
def check_host(request: HttpRequest, name: str) -> HttpResponse:
    """Ask it now; for htmx the steps alone, otherwise the host's page with them."""
    actor = actor_of(request)
    status = 200
    context: dict[str, object] = {}
    try:
        context["checks"] = check_in_steps(actor=actor, name=name)
    except NotAllowed as refused:
        refusal = refusal_of(refused, actor.name)
        status, context["refusal"] = refusal.status, refusal.words
    if request.headers.get("HX-Request"):
        return render(request, "console/host/checks.html", context, status=status)
    context = host_page_context(request, name) | context
    return render(request, "console/host/page.html", context, status=status)


def _test(request: HttpRequest, form: HostForm, host: ModelHost | None) -> HttpResponse:
    """Nothing is saved; for htmx what came of it alone."""

    def ask() -> list[HostCheck]:
        given = form.given()
        return try_host(
            actor=actor_of(request),
            name=host.name if host else given["name"],
            kind=given["kind"],
            url=given["url"],
            control_token=given[SECRET],
        )

    form.leave_untested()
    checks = _send(request, form, ask, host.name if host else None)
    inside = bool(request.headers.get("HX-Request"))
    if isinstance(checks, Refusal):
        return _page(request, form, checks, host=host, inside=inside)
    return _page(request, form, host=host, checks=checks, inside=inside)


def _send[T](
    request: HttpRequest, form: HostForm, do: Callable[[], T], name: str | None = None
) -> T | Refusal:
    return send_form(request, form, do, action=Action.MANAGE_HOSTS, names=(name,))


def _page(
    request: HttpRequest,
    form: HostForm,
    refusal: Refusal | None = None,
    *,
    host: ModelHost | None = None,
    checks: Sequence[HostCheck] = (),
    inside: bool = False,
) -> HttpResponse:
    """The form with what is wrong beside its fields; `inside`: the checks and those words alone,
    so that nothing typed is taken away, the token neither.
    """
    context = {
        "form": form,
        "words": form.words if form.is_bound else {},
        "above": " ".join(map(str, form.non_field_errors())) if form.is_bound else "",
        "host": host,
        "etag": revision_of(contents_of(host)) if host else "",
        "checks": checks,
        "back": reverse("host", args=[host.name]) if host else reverse("hosts"),
    }
    status = refusal.status if refusal else 200
    if inside:
        response = render(request, "console/host/form_tested.html", context, status=status)
    else:
        response = show(request, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _came_of_it(host: ModelHost, what: str) -> tuple[int, str]:
    if host.health == HostHealth.HEALTHY:
        return messages.SUCCESS, f"{host.name} {what}, and answers."
    why = host.health_reason or "it was not asked yet"
    return messages.WARNING, f"{host.name} {what}, and does not answer yet: {why}"
