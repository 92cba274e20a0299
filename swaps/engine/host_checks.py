"""Asking a host who it is because somebody wants to know now."""

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.engine.host_edits import find_host
from swaps.engine.reconcile import check_host
from swaps.engine.refusals import audited
from swaps.models import ModelHost


def check_again(*, actor: Actor, name: str) -> ModelHost:
    """The host's row, with what it just answered. Raises HostNotFound, NotAllowed."""
    with audited(actor, Action.MANAGE_HOSTS, "host", name):
        actor.require(Action.MANAGE_HOSTS)
        host = find_host(name)
    check_host(host)
    host.refresh_from_db()
    record(
        actor=actor,
        action=Action.MANAGE_HOSTS,
        object_kind="host",
        object_name=name,
        reason="checked",
        after={"health": host.health, "health_reason": host.health_reason},
    )
    return host
