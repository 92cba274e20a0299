"""Strategies: the ready-made ones and those that people named."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q

from swaps.domain.strategies import READY_MADE
from swaps.engine.strategies import find_strategy
from swaps.models import NamedStrategy
from swaps.readings.json_form import Reading
from swaps.readings.pages import DEFAULT_LIMIT, MAX_LIMIT, Page, cut, from_cursor

READY_MADE_WORDS = {
    "all-at-once": "All traffic in one step, as soon as the new version answers everywhere.",
    "canary": "5, 25, 50, then 100 %, with a minute's hold after each.",
    "linear": "20 % more every half minute.",
}
assert READY_MADE_WORDS.keys() == READY_MADE.keys(), "each ready-made strategy is explained"


@dataclass(frozen=True, slots=True)
class StrategyReading(Reading):
    """`steps` as requests hold them; a ready-made strategy cannot be changed or deleted."""

    name: str
    steps: list[dict[str, Any]]
    sticky_header: str
    description: str
    ready_made: bool
    default_of: list[str]  # the models whose swaps follow it when they name none
    created_at: datetime | None  # null: it was always there


def read_strategy(name: str) -> StrategyReading:
    """Raises StrategyNotFound."""
    if name in READY_MADE:
        return _ready_made(name)
    return _named(NamedStrategy.objects.filter(pk=find_strategy(name).pk))[0]


def offered_strategies() -> list[StrategyReading]:
    """To choose from in a form: the ready-made ones, then the named ones by name."""
    return [
        *map(_ready_made, READY_MADE),
        *_named(NamedStrategy.objects.order_by("name")[:MAX_LIMIT]),
    ]


def read_strategies(
    *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[StrategyReading]:
    """Both kinds, by name. Raises CursorInvalid."""
    after = from_cursor(cursor, str)[0] if cursor is not None else ""
    named = _named(NamedStrategy.objects.filter(name__gt=after).order_by("name")[: limit + 1])
    ready_made = (_ready_made(name) for name in READY_MADE if name > str(after))
    both = sorted([*ready_made, *named], key=lambda one: one.name)
    return cut(both, limit, lambda one: [one.name], both[:limit])


def _named(rows: Any) -> list[StrategyReading]:
    users = ArrayAgg(
        "default_of__name", filter=~Q(default_of=None), order_by="default_of__name", default=[]
    )
    return [
        StrategyReading(
            name=row.name,
            steps=row.steps,
            sticky_header=row.sticky_header,
            description=row.description,
            ready_made=False,
            default_of=row.users,
            created_at=row.created_at,
        )
        for row in rows.annotate(users=users)
    ]


def _ready_made(name: str) -> StrategyReading:
    strategy = READY_MADE[name]()
    return StrategyReading(
        name=name,
        steps=strategy.as_json()["steps"],
        sticky_header="",
        description=READY_MADE_WORDS[name],
        ready_made=True,
        default_of=[],
        created_at=None,
    )
