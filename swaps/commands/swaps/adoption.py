"""Adopting what serves already: a version that a host has loaded becomes a model's first."""

from swaps.access.roles import Action, Actor
from swaps.commands.hosts.availability import require_version
from swaps.commands.hosts.edits import find_host
from swaps.commands.refusals import audited
from swaps.commands.registration import register_model
from swaps.commands.swaps.operations import request_activation
from swaps.models import ServedModel, SwapOperation


def adopt(
    *, actor: Actor, host_name: str, model_name: str, version: str, reason: str = ""
) -> SwapOperation | None:
    """The model is registered if it is not yet, and this version put in service from that host.
    None when it serves all traffic already.

    Raises HostNotFound, VersionNotFound, HostUnreachable, AlreadyActive, SwapInProgress,
    InvalidRequest, NotAllowed. Nothing is registered where the host does not have the version.
    """
    if not ServedModel.objects.filter(name=model_name).exists():
        with audited(actor, Action.MANAGE_MODELS, "model", model_name):
            actor.require(Action.MANAGE_MODELS, model_name)
            actor.require(Action.ACTIVATE, model_name)
            require_version(model_name, version, [find_host(host_name)])
        register_model(actor=actor, name=model_name)
    return request_activation(
        actor=actor, model_name=model_name, version=version, target_hosts=[host_name], reason=reason
    )
