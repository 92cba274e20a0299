"""Changing and deleting hosts. A name stays; what is in use stays where it is."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from swaps.access.roles import Action, Actor
from swaps.adapters.errors import AdapterError, AuthFailed
from swaps.adapters.registry import KINDS
from swaps.audit.record import record
from swaps.commands.errors import HostNotFound, InUse, InvalidRequest
from swaps.commands.refusals import audited
from swaps.commands.revisions import difference, require_unchanged
from swaps.commands.validation import require_valid
from swaps.domain.host_addresses import AddressRefused, parse_host_url, token_problem
from swaps.domain.idle_timeouts import idle_timeout_problem
from swaps.domain.names import name_problem
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.hosts.addresses import ForbiddenAddress, NotResolved, resolve
from swaps.engine.hosts.keep_alive import tell_router
from swaps.engine.hosts.reports import check_host, learn_versions
from swaps.engine.usage import uses_of_host
from swaps.models import ModelHost, Placement
from swaps.models.hosts import HostHealth

MOST_LOADS_AT_ONCE = 100
SECRET = "control_token"  # noqa: S105 - a column's name
_ADDRESS = ("kind", "url")
IDLE = "idle_timeout_seconds"
_EDITABLE = (*_ADDRESS, SECRET, "max_concurrent_loads", IDLE)


def contents_of(host: ModelHost) -> dict[str, Any]:
    """What people may change of it, the secret included: for `revision_of` alone."""
    return {field: getattr(host, field) for field in _EDITABLE}


def find_host(name: str, *, lock: bool = False) -> ModelHost:
    """Raises HostNotFound."""
    rows = ModelHost.objects.select_for_update() if lock else ModelHost.objects.all()
    # What cannot be a name may be nothing that the database could look for.
    host = None if name_problem(name, of="host") else rows.filter(name=name).first()
    if host is None:
        raise HostNotFound(f"no host {name!r} is registered")
    return host


def require_valid_host(host: ModelHost) -> None:
    """Raises InvalidRequest."""
    for field in ("kind", "url", SECRET):
        text = getattr(host, field)
        if not isinstance(text, str) or "\x00" in text:
            raise InvalidRequest(field, f"host {host.name}: {field} is a text")
    if host.kind not in KINDS:
        raise InvalidRequest("kind", f"{host.kind!r} is none of {', '.join(KINDS)}")
    most = host.max_concurrent_loads
    if not isinstance(most, int) or not 1 <= most <= MOST_LOADS_AT_ONCE:
        raise InvalidRequest(
            "max_concurrent_loads", f"{most!r} is not between 1 and {MOST_LOADS_AT_ONCE}"
        )
    problem = idle_timeout_problem(host.idle_timeout_seconds)
    if problem:
        raise InvalidRequest(IDLE, problem)
    host.url = host.url.rstrip("/")
    problem = token_problem(host.control_token)
    if problem:
        raise InvalidRequest(SECRET, f"host {host.name}: {problem}")
    require_valid(host, "host", host.name)
    try:
        adapter_of(host)
    except AuthFailed:
        return  # its credential cannot be read, which no other edit has to wait for
    except AdapterError as error:
        raise InvalidRequest("url", str(error)) from error


def require_allowed_address(name: str, url: str) -> None:
    """Outside any transaction: the resolver is asked. A name that is not known yet is no
    error, the host may be set up later. Raises InvalidRequest.
    """
    try:
        resolve(parse_host_url(url))
    except (AddressRefused, ForbiddenAddress) as problem:
        raise InvalidRequest("url", f"host {name}: {problem}") from problem
    except NotResolved:
        return


def update_host(
    *, actor: Actor, name: str, if_match: str | None = None, **changes: Any
) -> ModelHost:
    """`changes`: kind, url, control_token, max_concurrent_loads, idle_timeout_seconds (None: as
    measured). `if_match`: the revision (`revision_of(contents_of(host))`) that the change was
    decided upon.

    A host that gets another address or credential is asked at once who it is. Its stored token
    does not go along to another address.
    Raises HostNotFound, Stale, InUse, InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, "host", name):
        actor.require(Action.MANAGE_HOSTS)
        for field in sorted(changes.keys() - set(_EDITABLE)):
            raise InvalidRequest(field, f"host {name}: {field} cannot be changed")
        if isinstance(changes.get("url"), str):
            require_allowed_address(name, changes["url"])
        with transaction.atomic():
            host = find_host(name, lock=True)
            before = contents_of(host)
            require_unchanged("host", name, before, if_match)
            for field, value in changes.items():
                setattr(host, field, value)
            require_valid_host(host)
            old, new = difference(before, contents_of(host), secret=SECRET)
            if not new:
                return host
            moved = any(field in new for field in _ADDRESS)
            if moved:
                _forget_what_was_seen(host)
                _require_own_token(host, before, changes)
            host.save()
            if IDLE in new:
                tell_router(host)
            record(
                actor=actor,
                action=Action.MANAGE_HOSTS,
                object_kind="host",
                object_name=name,
                reason="changed",
                before=old,
                after=new,
            )
    if (moved or SECRET in new) and check_host(host):
        learn_versions(host)
    host.refresh_from_db()
    return host


def delete_host(*, actor: Actor, name: str, if_match: str | None = None) -> None:
    """What is on that machine stays there, and is nothing of ours any more.

    Raises HostNotFound, Stale, InUse, NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, "host", name):
        actor.require(Action.MANAGE_HOSTS)
        try:
            with transaction.atomic():
                host = find_host(name, lock=True)
                require_unchanged("host", name, contents_of(host), if_match)
                _require_unused(host, "deleted", given_up=True)
                left = Placement.objects.filter(host=host, unload_owed=True)
                left_behind = sorted(str(row) for row in left.select_related("model", "host"))
                Placement.objects.filter(host=host).delete()
                host.delete()
                record(
                    actor=actor,
                    action=Action.MANAGE_HOSTS,
                    object_kind="host",
                    object_name=name,
                    reason="deleted",
                    before={
                        "kind": host.kind,
                        "url": host.url,
                        "max_concurrent_loads": host.max_concurrent_loads,
                    }
                    | ({"left_behind": left_behind} if left_behind else {}),
                )
        except IntegrityError as error:
            raise InUse(
                f"host {name} was just seen to have a version: nothing was deleted; try again"
            ) from error


def _forget_what_was_seen(host: ModelHost) -> None:
    """It is another server from now on. Raises InUse."""
    _require_unused(host, "re-addressed")
    Placement.objects.filter(host=host).delete()
    host.health, host.health_reason, host.boot_id = HostHealth.UNKNOWN, "", ""
    host.last_seen_at, host.pinned_address, host.unregistered = None, "", []
    host.measured_keep_alive_seconds, host.keep_alive_due_at = None, Now()


def _require_own_token(host: ModelHost, before: dict[str, Any], changes: dict[str, Any]) -> None:
    """Nobody who cannot read the token may have it sent to a server of their choice.

    Raises InvalidRequest.
    """
    if before[SECRET] and SECRET not in changes:
        raise InvalidRequest(
            SECRET,
            f"the control token of host {host.name} was given for {before['url']}: with another "
            "address give the token for that one, or an empty one",
        )


def _require_unused(host: ModelHost, what: str, *, given_up: bool = False) -> None:
    uses = uses_of_host(host, given_up=given_up)
    if uses:
        raise InUse(
            f"host {host.name} cannot be {what}: {'; '.join(uses)}. Swap its models to other "
            "hosts first"
        )
