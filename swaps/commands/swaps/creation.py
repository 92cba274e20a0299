"""Asking for a swap: its versions asked of their hosts, its inputs frozen in a row."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from swaps.access.roles import Action, Actor, Permission
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, ModelNotFound, SwapInProgress
from swaps.commands.hosts.availability import Availability, require_version
from swaps.commands.refusals import audited
from swaps.commands.swaps.requests import (
    SwapRequest,
    check_fields,
    choose_hosts,
    default_policy,
    find_model,
    is_way_back,
    must_wait,
    open_swap,
    require_free,
)
from swaps.commands.swaps.strategies import default_strategy
from swaps.domain.approval import asks_approval
from swaps.domain.commands import Command
from swaps.domain.snapshot import QUEUED
from swaps.domain.strategies import Strategy
from swaps.engine.write import store
from swaps.live.wake import wake_swap
from swaps.models import ModelHost, Placement, ServedModel, SwapOperation
from swaps.models.hosts import Desired, Observed
from swaps.models.served_models import DrainTimeoutPolicy


def make_swap(request: SwapRequest, actor: Actor) -> SwapOperation:
    """Guard, create, audit, wake. Existence is asked of the hosts before the transaction.

    Raises InvalidRequest, ModelNotFound, SwapInProgress, QueueHeld, VersionNotFound,
    VersionNotActive, AlreadyActive, HostUnreachable, NotAllowed.
    """
    action: Permission = Action.SWAP if request.from_version else Action.ACTIVATE
    if request.reverses:
        action = Command.ROLLBACK
    with audited(actor, action, "model", request.model_name):
        actor.require(action, request.model_name)
        if request.on_drain_timeout == DrainTimeoutPolicy.FORCE:
            actor.require(Command.FORCE_UNLOAD, request.model_name)
        strategy = check_fields(request)
        model = find_model(request.model_name)
        if strategy is None:
            strategy = default_strategy(model)
        require_free(model, request)
        source, target = choose_hosts(model, request)
        files = (model.protected or len(target) > 1) and not is_way_back(request.reverses)
        availability = require_version(model.name, request.to_version, target, files=files)
        return _create(model, request, strategy, source, target, availability, actor, action)


def _create(
    model: ServedModel,
    request: SwapRequest,
    strategy: Strategy,
    source: list[ModelHost],
    target: list[ModelHost],
    availability: Availability,
    actor: Actor,
    action: Permission,
) -> SwapOperation:
    def or_default(value: Any, default: Any) -> Any:
        return default if value is None else value

    try:
        with transaction.atomic():
            # One at a time a model: the turn is decided under its row's lock.
            rows = ServedModel.objects.select_for_update(no_key=True).filter(pk=model.pk)
            locked = rows.first()
            if locked is None:
                raise ModelNotFound(f"model {model.name!r} was just deleted")
            _hold([*source, *target])
            waits = must_wait(model, request)
            way_back = is_way_back(request.reverses)
            needs_approval = locked.protected and not way_back
            # On the way back each host loads the file that it had loaded before.
            if needs_approval or (len(target) > 1 and not way_back):
                availability.require_files()
            # In line, so that it lets a rollback go ahead however long nobody approves it.
            queued = waits or needs_approval
            waiting_for = QUEUED if waits else ""
            if needs_approval:
                waiting_for = asks_approval(actor.name)
            if locked.queue_held_reason and not waits and not request.reverses:
                # Nobody is left in the held queue: who begins anew is not held by it.
                ServedModel.objects.filter(pk=model.pk).update(queue_held_reason="")
            swap = SwapOperation.objects.create(
                model=model,
                next_check_at=Now(),
                from_version=request.from_version,
                to_version=request.to_version,
                strategy=strategy.as_json(),
                source_hosts=[host.name for host in source],
                target_hosts=[host.name for host in target],
                digests=availability.digests,
                sample_request=model.sample_request,
                min_ready_hosts=request.min_ready_hosts,
                load_timeout_seconds=or_default(
                    request.load_timeout_seconds, model.load_timeout_seconds
                ),
                drain_timeout_seconds=or_default(
                    request.drain_timeout_seconds, model.drain_timeout_seconds
                ),
                swap_timeout_seconds=request.swap_timeout_seconds,
                on_drain_timeout=request.on_drain_timeout or default_policy(model, actor),
                keep_warm_seconds=or_default(request.keep_warm_seconds, model.keep_warm_seconds),
                reason=request.reason,
                requested_by=actor.name,
                requesters=sorted(actor.people),
                needs_approval=needs_approval,
                reverses=request.reverses,
                queued=queued,
                waiting_for=waiting_for,
            )
            _note_loaded(swap, target, availability)
            _record_creation(swap, request, actor, action)
    except IntegrityError as error:
        # The partial unique index decided a race that our look had not seen.
        current = open_swap(model)
        if current is None:
            raise
        raise SwapInProgress(f"{model.name} has an open swap already", current.pk) from error
    swap.refresh_from_db()
    return swap


def _note_loaded(swap: SwapOperation, target: list[ModelHost], availability: Availability) -> None:
    """That others loaded it is news: so it is adopted, not loaded once more, and left as it was
    if the swap is undone.
    """
    hosts = [host for host in target if host.name in availability.ready]
    if not hosts:
        return
    Placement.objects.bulk_create(
        [Placement(host=one, model=swap.model, version=swap.to_version) for one in hosts],
        ignore_conflicts=True,
    )
    Placement.objects.filter(
        host__in=hosts,
        model=swap.model_id,
        version=swap.to_version,
        desired=Desired.ABSENT,
        unload_owed=False,
    ).update(observed=Observed.READY, observed_reason="", observed_at=Now())


def _record_creation(
    swap: SwapOperation, request: SwapRequest, actor: Actor, action: Permission
) -> None:
    what = f"{swap.from_version or 'nothing'} → {swap.to_version}"
    store.begin_story(swap, reason=request.reason or f"asked for {what}", actor=actor)
    record(
        actor=actor,
        action=action,
        object_kind="model",
        object_name=swap.model.name,
        swap=swap.pk,
        reason=request.reason,
        before={"serving": swap.from_version},
        after={"swap": what, "strategy": swap.strategy, "hosts": swap.target_hosts},
    )
    if not swap.queued:
        transaction.on_commit(lambda: wake_swap(swap.pk))


def _hold(hosts: Iterable[ModelHost]) -> None:
    """From here to the commit they stay as they were when they were asked for the version: who
    deletes or re-addresses one looks for swaps that name it. Raises InvalidRequest.
    """
    asked = {host.pk: host for host in hosts}
    rows = ModelHost.objects.select_for_update(no_key=True).filter(pk__in=asked).order_by("pk")
    there = {row.pk: (row.kind, row.url) for row in rows}
    for host in asked.values():
        if there.get(host.pk) != (host.kind, host.url):
            raise InvalidRequest(
                "target_hosts", f"host {host.name} was just deleted or re-addressed: ask again"
            )
