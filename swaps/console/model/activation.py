"""Putting a model's first version in service: which, on which hosts, and what will happen."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action, Actor
from swaps.commands.errors import InvalidRequest
from swaps.commands.swaps.operations import request_activation
from swaps.commands.swaps.requests import find_model
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.refusals import Refusal
from swaps.console.shared.visitors import actor_of
from swaps.models import Route, ServedModel
from swaps.readings.host.found_versions import FoundOnHosts, find_versions

# The command's names for the fields of the dialog.
FIELDS = {"target_hosts": "hosts", "to_version": "version"}


@require_http_methods(["GET", "HEAD", "POST"])
def activate(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    given = request.POST if request.method == "POST" else request.GET
    return answer_dialog(request, lambda: _dialog(actor, find_model(name, seen_by=actor), given))


def _dialog(actor: Actor, model: ServedModel, given: QueryDict) -> Dialog:
    may, refusal = actor.may(Action.ACTIVATE, model.name), _why_not(model)
    found = find_versions(model.name) if may and refusal is None else None
    version, hosts = given.get("version", ""), given.getlist("hosts")

    def do(given: QueryDict) -> Done:
        version = given.get("version", "").strip()
        if not version and may:
            raise InvalidRequest("version", "choose the version")
        try:
            swap = request_activation(
                actor=actor,
                model_name=model.name,
                version=version,
                target_hosts=given.getlist("hosts") or None,
                reason=given.get("reason", "").strip(),
            )
        except InvalidRequest as refused:
            raise InvalidRequest(FIELDS.get(refused.field, ""), str(refused)) from refused
        if swap is None:
            return Done(reverse("model", args=[model.name]))
        return Done(reverse("swap", args=[swap.pk]))

    offered = found is not None and bool(found.versions)
    return Dialog(
        actions=(Action.ACTIVATE,),
        title=f"Activate the first version of {model.name}?",
        effect=_effect(model, found) if found is not None else "",
        key="",  # which version and which hosts is what is confirmed, and is sent
        button="Activate" if offered else "",
        keep="Not yet" if offered else "To the model",
        reason_for="for the timeline and the audit log" if offered else "",
        fields="console/model/activate_fields.html",
        shown={
            "found": found,
            "chosen": version or _only_choice(found),
            "hosts": [
                (host, host in hosts or not hosts) for host in (found.hosts if found else [])
            ],
        },
        do=do,
        back=reverse("model", args=[model.name]),
        names=(model.name, version),
        refusal=refusal,
    )


def _effect(model: ServedModel, found: FoundOnHosts) -> str:
    name = model.name
    if found.versions:
        effect = (
            "It is loaded where it is not, must answer a real inference on every host, and then "
            f"takes 100 % of the traffic of {name}. Until then clients get 503."
        )
        if model.protected:
            effect += f" {name} is protected: it waits until a second person approves it."
        return effect
    if found.answered:
        return (
            f"No version of {name} is on {', '.join(found.answered)} yet. Put its files into a "
            "host's repository, then look again."
        )
    if found.hosts:
        return format_html(
            "No host answers, so nobody knows which versions of {} there are. Look at "
            '<a href="{}">the hosts</a>, then look again.',
            name,
            reverse("hosts"),
        )
    return f"No host is registered yet: register one first. Then its versions of {name} are found."


def _only_choice(found: FoundOnHosts | None) -> str:
    """One that serves already is taken over without a load; what else is there to put in
    service, a person says: nobody gets a version that they did not choose.
    """
    if found is None:
        return ""
    only = [one for one in found.versions if one.serves_somewhere] or found.versions
    return only[0].version if len(only) == 1 else ""


def _why_not(model: ServedModel) -> Refusal | None:
    """Said before anybody chooses."""
    route = Route.objects.filter(model=model).first()
    if route is None or not route.weights:
        return None
    serving = ", ".join(sorted(route.weights))
    return Refusal(f"{serving} serves {model.name} already: a new version comes by a swap from it.")
