"""Registering hosts and models."""

from typing import Any

from django.db import transaction

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest
from swaps.commands.hosts.edits import IDLE, require_allowed_address, require_valid_host
from swaps.commands.models.edits import require_valid_model
from swaps.commands.refusals import audited
from swaps.commands.swaps.strategies import set_default_strategy
from swaps.commands.validation import named_once
from swaps.domain.steps import StrategyInvalid
from swaps.engine.hosts.reports import check_host, learn_versions
from swaps.models import ModelHost, Route, ServedModel


def register_host(
    *,
    actor: Actor,
    name: str,
    kind: str,
    url: str,
    control_token: str = "",
    max_concurrent_loads: int = 1,
    idle_timeout_seconds: float | None = None,
) -> ModelHost:
    """The host is asked once who it is; one that is away is registered all the same, as
    unreachable. `idle_timeout_seconds` None: as will be measured.
    Raises InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, "host", name):
        actor.require(Action.MANAGE_HOSTS)
        host = ModelHost(
            name=name,
            kind=kind,
            url=url,
            control_token=control_token,
            max_concurrent_loads=max_concurrent_loads,
            idle_timeout_seconds=idle_timeout_seconds,
        )
        require_valid_host(host)
        require_allowed_address(name, host.url)
        with named_once("host", name), transaction.atomic():
            host.save(force_insert=True)
            record(
                actor=actor,
                action=Action.MANAGE_HOSTS,
                object_kind="host",
                object_name=name,
                after={"kind": kind, "url": host.url, "max_concurrent_loads": max_concurrent_loads}
                | ({} if idle_timeout_seconds is None else {IDLE: idle_timeout_seconds}),
            )
    if check_host(host):
        learn_versions(host)
    host.refresh_from_db()
    return host


def register_model(
    *,
    actor: Actor,
    name: str,
    sample_request: dict[str, Any] | None = None,
    default_strategy: object = None,
    **defaults: Any,
) -> ServedModel:
    """`defaults`: the other columns of ServedModel. Raises InvalidRequest, NotAllowed."""
    with audited(actor, Action.MANAGE_MODELS, "model", name):
        actor.require(Action.MANAGE_MODELS, name)
        model = ServedModel(name=name, sample_request=sample_request, **defaults)
        try:
            strategy = set_default_strategy(model, default_strategy)
        except StrategyInvalid as problem:
            raise InvalidRequest("default_strategy", str(problem)) from problem
        require_valid_model(model)
        with named_once("model", name), transaction.atomic():
            model.save(force_insert=True)
            Route.objects.create(model=model)
            record(
                actor=actor,
                action=Action.MANAGE_MODELS,
                object_kind="model",
                object_name=name,
                after={"default_strategy": strategy.name} | defaults,
            )
        return model
