"""Changing and deleting models. A name stays; what serves cannot be deleted."""

from typing import Any

from django.db import IntegrityError, transaction

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.errors import InUse, InvalidRequest, ModelNotFound
from swaps.commands.refusals import audited
from swaps.commands.revisions import difference, require_unchanged
from swaps.commands.swaps.requests import LONGEST_SECONDS
from swaps.commands.swaps.strategies import default_strategy, set_default_strategy
from swaps.commands.validation import named_once, require_valid
from swaps.domain.names import name_problem
from swaps.domain.steps import StrategyInvalid
from swaps.engine.usage import uses_of_model
from swaps.live.notify import notify_routes
from swaps.models import Cluster, Placement, Route, ServedModel, SwapOperation

_SECONDS = {"drain_timeout_seconds": 0, "load_timeout_seconds": 1, "keep_warm_seconds": 0}
_COLUMNS = ("sample_request", *_SECONDS, "on_drain_timeout")
STRATEGY = "default_strategy"


def contents_of(model: ServedModel) -> dict[str, Any]:
    """What people may change of it."""
    strategy = default_strategy(model).as_json()
    return {STRATEGY: strategy} | {field: getattr(model, field) for field in _COLUMNS}


def lock_model(name: str) -> ServedModel:
    """Raises ModelNotFound."""
    rows = ServedModel.objects.select_for_update(of=("self",)).select_related("named_strategy")
    model = None if name_problem(name, of="model") else rows.filter(name=name).first()
    if model is None:
        raise ModelNotFound(f"no model {name!r} is registered")
    return model


def require_valid_model(model: ServedModel) -> None:
    """Raises InvalidRequest."""
    for field, least in _SECONDS.items():
        seconds = getattr(model, field)
        if not isinstance(seconds, int) or not least <= seconds <= LONGEST_SECONDS:
            raise InvalidRequest(
                field, f"{seconds!r} is not between {least} and {LONGEST_SECONDS} s"
            )
    sample = model.sample_request
    if sample is not None and not isinstance(sample, dict):
        raise InvalidRequest("sample_request", f"model {model.name}: it is an object, or null")
    require_valid(model, "model", model.name)


def update_model(
    *, actor: Actor, name: str, if_match: str | None = None, **changes: Any
) -> ServedModel:
    """`changes`: sample_request, default_strategy, drain_timeout_seconds, load_timeout_seconds,
    keep_warm_seconds, on_drain_timeout: for swaps to come, those that were made keep what they
    have. `if_match`: the revision (`revision_of(contents_of(model))`) that the change was
    decided upon.

    Raises ModelNotFound, Stale, InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_MODELS, "model", name):
        actor.require(Action.MANAGE_MODELS, name)
        for field in sorted(changes.keys() - {STRATEGY, *_COLUMNS}):
            raise InvalidRequest(field, f"model {name}: {field} cannot be changed")
        with named_once("model", name), transaction.atomic():
            model = lock_model(name)
            before = contents_of(model)
            require_unchanged("model", name, before, if_match)
            for field, value in changes.items():
                if field == STRATEGY:
                    _set_strategy(model, value)
                else:
                    setattr(model, field, value)
            require_valid_model(model)
            old, new = difference(before, contents_of(model))
            model.save()
            if new:
                record(
                    actor=actor,
                    action=Action.MANAGE_MODELS,
                    object_kind="model",
                    object_name=name,
                    reason="changed",
                    before=old,
                    after=new,
                )
        return model


def delete_model(*, actor: Actor, name: str, if_match: str | None = None) -> None:
    """With the history of its swaps, which the audit log keeps. Clients that still ask for it
    are told that there is no such model.

    Raises ModelNotFound, Stale, InUse while it serves or a swap is open, NotAllowed.
    """
    with audited(actor, Action.MANAGE_MODELS, "model", name):
        actor.require(Action.MANAGE_MODELS, name)
        try:
            with transaction.atomic():
                model = lock_model(name)
                contents = contents_of(model)
                require_unchanged("model", name, contents, if_match)
                uses = uses_of_model(model)
                if uses:
                    raise InUse(f"model {name} cannot be deleted: {'; '.join(uses)}")
                swaps = _delete_all_of(model)
                record(
                    actor=actor,
                    action=Action.MANAGE_MODELS,
                    object_kind="model",
                    object_name=name,
                    reason="deleted",
                    before={STRATEGY: contents[STRATEGY]["name"], "swaps": swaps},
                )
                # All of it: what is gone cannot be read by its id.
                notify_routes(None)
        except IntegrityError as error:
            raise InUse(
                f"something began to use model {name}: nothing was deleted; look again"
            ) from error


def _set_strategy(model: ServedModel, given: object) -> None:
    try:
        set_default_strategy(model, given)
    except StrategyInvalid as problem:
        raise InvalidRequest(STRATEGY, str(problem)) from problem


def _delete_all_of(model: ServedModel) -> int:
    """Returns how many swaps it had."""
    swaps = SwapOperation.objects.filter(model=model)
    number = swaps.count()
    swaps.update(reverses=None)  # a swap keeps the one that it reverses
    swaps.delete()
    Placement.objects.filter(model=model).delete()
    Cluster.objects.filter(model=model).delete()
    Route.objects.filter(model=model).delete()
    model.delete()
    return number
