"""Strategies by name: what a name stands for, and naming, changing and deleting them.

A name is resolved once, when a swap is made: the swap keeps the steps themselves.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.errors import InUse, InvalidRequest, StrategyNotFound
from swaps.commands.refusals import audited
from swaps.commands.revisions import require_unchanged
from swaps.commands.validation import named_once, require_valid
from swaps.domain.names import name_problem
from swaps.domain.steps import StrategyInvalid
from swaps.domain.strategies import READY_MADE, Strategy, parse_strategy
from swaps.models import NamedStrategy, ServedModel


def resolve_strategy(given: object) -> Strategy:
    """From what a request holds: the name of any strategy, or an object with steps.

    An object with a name and no steps means that name's steps. Raises StrategyInvalid, whose
    message is for the person who wrote it.
    """
    name = _name_alone(given)
    if name is None or name in READY_MADE:
        return parse_strategy(given)
    named = _find(name)
    if named is None:
        names = [*READY_MADE, *NamedStrategy.objects.values_list("name", flat=True)[:20]]
        raise StrategyInvalid(f"no strategy {name[:100]!r}; there are {', '.join(names)}")
    return parse_strategy(as_json(named) | (dict(given) if isinstance(given, Mapping) else {}))


def as_json(named: NamedStrategy) -> dict[str, Any]:
    """As a request could hold it."""
    return {"name": named.name, "steps": named.steps, "stickyHeader": named.sticky_header}


def default_strategy(model: ServedModel) -> Strategy:
    """What a swap of this model does that names no strategy."""
    named = model.named_strategy
    return parse_strategy(as_json(named) if named else model.default_strategy)


def set_default_strategy(model: ServedModel, given: object) -> Strategy:
    """Sets the model's columns, unsaved. Given by name, the model follows what is made of the
    name later; otherwise it keeps the steps. Raises StrategyInvalid.
    """
    strategy = resolve_strategy(given)
    # What a reading of a model shows, given back, means what it meant.
    named = _find(strategy.name)
    if named is not None and parse_strategy(as_json(named)) == strategy:
        model.named_strategy, model.default_strategy = named, {}
    else:
        model.named_strategy, model.default_strategy = None, strategy.as_json()
    return strategy


def find_strategy(name: str, *, lock: bool = False) -> NamedStrategy:
    """Raises StrategyNotFound."""
    if name in READY_MADE:
        raise StrategyNotFound(
            f"{name} is a ready-made strategy: it is there for good and cannot be changed"
        )
    named = _find(name, lock=lock)
    if named is None:
        raise StrategyNotFound(f"no strategy {name!r} has been named")
    return named


def _find(name: str, *, lock: bool = False) -> NamedStrategy | None:
    if name_problem(name, of="strategy"):
        return None  # and perhaps nothing that the database could look for
    rows = NamedStrategy.objects.select_for_update() if lock else NamedStrategy.objects.all()
    return rows.filter(name=name).first()


def create_strategy(
    *, actor: Actor, name: str, steps: object, sticky_header: str = "", description: str = ""
) -> NamedStrategy:
    """Raises InvalidRequest, NotAllowed."""
    with audited(actor, Action.MANAGE_STRATEGIES, "strategy", name):
        actor.require(Action.MANAGE_STRATEGIES)
        if name in READY_MADE:
            raise InvalidRequest(
                "name", f"{name} is a ready-made strategy and cannot be redefined: choose another"
            )
        named = NamedStrategy(
            name=name, steps=steps, sticky_header=sticky_header, description=description
        )
        _validate(named)
        with named_once("strategy", name), transaction.atomic():
            named.save(force_insert=True)
            _record(actor, named.name, after=contents_of(named))
        return named


def update_strategy(
    *, actor: Actor, name: str, if_match: str | None = None, **changes: Any
) -> NamedStrategy:
    """`changes`: steps, sticky_header, description. Swaps that were made keep what they have.
    `if_match`: the revision (`revision_of(contents_of(named))`) that the change was decided upon.

    Raises StrategyNotFound, Stale, InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_STRATEGIES, "strategy", name):
        actor.require(Action.MANAGE_STRATEGIES)
        for field in sorted(changes.keys() - {"steps", "sticky_header", "description"}):
            raise InvalidRequest(field, f"strategy {name}: {field} cannot be changed")
        with transaction.atomic():
            named = find_strategy(name, lock=True)
            before = contents_of(named)
            require_unchanged("strategy", name, before, if_match)
            for field, value in changes.items():
                setattr(named, field, value)
            _validate(named)
            if contents_of(named) != before:
                named.save()
                _record(actor, name, before=before, after=contents_of(named))
        return named


def delete_strategy(*, actor: Actor, name: str, if_match: str | None = None) -> None:
    """Raises StrategyNotFound, Stale, InUse while a model has it as its default, NotAllowed."""
    with audited(actor, Action.MANAGE_STRATEGIES, "strategy", name):
        actor.require(Action.MANAGE_STRATEGIES)
        with transaction.atomic():
            named = find_strategy(name, lock=True)
            require_unchanged("strategy", name, contents_of(named), if_match)
            users = list(named.default_of.values_list("name", flat=True)[:10])
            if users:
                raise InUse(
                    f"strategy {name} is the default of {', '.join(users)}: "
                    "give them another one first"
                )
            named.delete()
            _record(actor, name, before=contents_of(named))


def _validate(named: NamedStrategy) -> None:
    """Rewrites the columns as they will be read back. Raises InvalidRequest."""
    for field in ("sticky_header", "description"):
        text = getattr(named, field)
        if not isinstance(text, str) or "\x00" in text:
            raise InvalidRequest(field, f"strategy {named.name}: {field} is a text")
    named.description = named.description.strip()
    try:
        strategy = parse_strategy({"steps": named.steps, "stickyHeader": named.sticky_header})
    except StrategyInvalid as problem:
        field = "sticky_header" if "stickyHeader" in str(problem) else "steps"
        raise InvalidRequest(field, f"strategy {named.name}: {problem}") from problem
    named.steps, named.sticky_header = strategy.as_json()["steps"], strategy.sticky_header
    require_valid(named, "strategy", named.name)


def contents_of(named: NamedStrategy) -> dict[str, Any]:
    """What people may change of it."""
    return {
        "steps": named.steps,
        "sticky_header": named.sticky_header,
        "description": named.description,
    }


def _record(
    actor: Actor,
    name: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record(
        actor=actor,
        action=Action.MANAGE_STRATEGIES,
        object_kind="strategy",
        object_name=name,
        before=before,
        after=after,
    )


def _name_alone(given: object) -> str | None:
    if isinstance(given, str):
        return given or None
    if isinstance(given, Mapping) and "steps" not in given:
        name = given.get("name")
        return name if isinstance(name, str) else None
    return None
