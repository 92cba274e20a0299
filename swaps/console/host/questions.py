"""What people may ask of a host, each with its effect in words: to forget it, to adopt from it."""

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action
from swaps.commands.hosts.edits import delete_host, find_host
from swaps.commands.swaps.adoption import adopt
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.refusals import Refusal
from swaps.console.shared.visitors import actor_of
from swaps.domain.names import name_problem
from swaps.engine.usage import uses_of_host
from swaps.models import ModelHost, Route, ServedModel


@require_http_methods(["GET", "HEAD", "POST"])
def remove_host(request: HttpRequest, name: str) -> HttpResponse:
    return answer_dialog(request, lambda: _removal(request, find_host(name)))


def _removal(request: HttpRequest, host: ModelHost) -> Dialog:
    uses = uses_of_host(host, given_up=True)

    def do(given: QueryDict) -> Done:
        delete_host(actor=actor_of(request), name=host.name)
        return Done(reverse("hosts"), f"{host.name} is removed.")

    return Dialog(
        actions=(Action.MANAGE_HOSTS,),
        title=f"Remove {host.name}?",
        subject=host.url,
        effect=(
            f"Hotswap forgets {host.name} with its control token, and asks it nothing any more. "
            "What is loaded on that machine stays loaded there. No request is sent to it now, so "
            "none is lost."
        ),
        button="Remove the host",
        keep="Keep it",
        dangerous=True,
        reason_for="",
        do=do,
        back=reverse("host", args=[host.name]),
        refusal=(
            Refusal(
                f"{host.name} is in use: {'; '.join(uses)}. Swap its models to other hosts first."
            )
            if uses
            else None
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def adopt_from_host(request: HttpRequest, name: str) -> HttpResponse:
    """Which model and version stands in the address' query."""
    model, version = request.GET.get("model", ""), request.GET.get("version", "")
    for text, of in ((model, "model"), (version, "version")):
        if name_problem(text, of=of) is not None:
            raise Http404(f"{text[:80]!r} names no {of}")
    return answer_dialog(request, lambda: _adoption(request, find_host(name), model, version))


def _adoption(request: HttpRequest, host: ModelHost, model: str, version: str) -> Dialog:
    registered = ServedModel.objects.filter(name=model).exists()
    route = Route.objects.filter(model__name=model).first()
    serving = ", ".join(sorted(route.weights)) if route is not None else ""

    def do(given: QueryDict) -> Done:
        swap = adopt(
            actor=actor_of(request),
            host_name=host.name,
            model_name=model,
            version=version,
            reason=given.get("reason", "").strip(),
        )
        if swap is None:
            words, address = f"{model} {version} serves already.", reverse("model", args=[model])
        else:
            words, address = f"{model} {version} is adopted.", reverse("swap", args=[swap.pk])
        return Done(address, words)

    first = "" if registered else f"{model} is registered as a model. "
    return Dialog(
        actions=(Action.ACTIVATE,) if registered else (Action.MANAGE_MODELS, Action.ACTIVATE),
        title=f"Adopt {model} {version}?",
        subject=f"as {host.name} has it",
        effect=(
            f"{first}{version} is put in service from {host.name}: once it has answered a real "
            f"inference, 100 % of the requests that clients send the router for {model} go to it. "
            "Requests that go straight to the host are not touched."
        ),
        button=f"Adopt {version}",
        keep="Leave it alone",
        do=do,
        back=reverse("host", args=[host.name]),
        names=(host.name, model),
        refusal=(
            Refusal(f"{serving} serves {model} already: a new version comes by a swap from it.")
            if serving
            else None
        ),
    )
