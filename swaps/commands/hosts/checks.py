"""Asking a host who it is because somebody wants to know now; also one that is no host yet."""

from swaps.access.roles import Action, Actor
from swaps.adapters.registry import KINDS
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest
from swaps.commands.hosts.edits import SECRET, find_host
from swaps.commands.hosts.examination import CheckResult, HostCheck, examine
from swaps.commands.refusals import audited
from swaps.domain.host_addresses import AddressRefused, parse_host_url, token_problem
from swaps.engine.hosts.keep_alive import measure_again
from swaps.engine.hosts.questions import answered, whom
from swaps.engine.hosts.reports import check_host, forget_lost_loads, learn_versions
from swaps.models import ModelHost


def check_again(*, actor: Actor, name: str) -> ModelHost:
    """The host's row, with what it just answered. Loads with which it went down too often may be
    tried again. Raises HostNotFound, NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, "host", name):
        actor.require(Action.MANAGE_HOSTS)
        host = find_host(name)
    if check_host(host):
        learn_versions(host)
        forget_lost_loads(host)
        measure_again(host)
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


def check_in_steps(*, actor: Actor, name: str) -> list[HostCheck]:
    """`check_again`, and each step by its name. Raises HostNotFound, NotAllowed."""
    host = check_again(actor=actor, name=name)
    return answered(("examine", whom(host)), lambda: examine(host))


def try_host(
    *, actor: Actor, name: str, kind: str, url: str, control_token: str = ""
) -> list[HostCheck]:
    """What a host of these words would be, before it is registered or changed.

    `name` may be that of a host: then its stored token stands in for one that is not given, as
    long as that goes where it always went.
    Raises InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, "host", name):
        actor.require(Action.MANAGE_HOSTS)
        url = url.strip().rstrip("/")
        if kind not in KINDS:
            raise InvalidRequest("kind", f"{kind!r} is none of {', '.join(KINDS)}")
        try:
            parse_host_url(url)
        except AddressRefused as problem:
            raise InvalidRequest("url", str(problem)) from problem
        problem_of_token = token_problem(control_token)
        if problem_of_token:
            raise InvalidRequest(SECRET, problem_of_token)
    known = ModelHost.objects.filter(name=name, url=url, kind=kind).first()
    checks = examine(
        ModelHost(
            name=name or "the new host",
            kind=kind,
            url=url,
            control_token=control_token or (known.control_token if known else ""),
            pinned_address=known.pinned_address if known else "",
        )
    )
    record(
        actor=actor,
        action=Action.MANAGE_HOSTS,
        object_kind="host",
        object_name=name,
        reason="tested",
        after={"kind": kind, "url": url} | results_of(checks),
    )
    return checks


def results_of(checks: list[HostCheck]) -> dict[str, str]:
    """For the audit: how far it came, in as few words as say it."""
    failed = next((one for one in checks if one.result is CheckResult.FAILED), None)
    if failed is None:
        return {"result": "passed"}
    return {"result": f"failed: {failed.name.value}", "said": failed.words}
