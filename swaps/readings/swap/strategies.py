"""Strategies: the ready-made ones and those that people named."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q
from pydantic import WithJsonSchema

from swaps.access.roles import Scope
from swaps.commands.revisions import revision_of
from swaps.commands.swaps.strategies import contents_of, find_strategy
from swaps.domain.steps import KINDS
from swaps.domain.strategies import READY_MADE, steps_of, words_of
from swaps.models import NamedStrategy
from swaps.readings.shared.json_form import Reading
from swaps.readings.shared.pages import DEFAULT_LIMIT, MAX_LIMIT, Page, cut, from_cursor, from_name

# A step as requests hold it.
StepJson = Annotated[
    dict[str, Any], WithJsonSchema({"oneOf": [kind.json_schema() for kind in KINDS]})
]
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
    steps: list[StepJson]
    words: str  # what the steps do
    sticky_header: str
    description: str
    ready_made: bool
    default_of: list[str]  # the models whose swaps follow it when they name none
    created_at: datetime | None  # null: it was always there
    etag: str | None  # of what can be edited: give it as If-Match; null: nothing can


def read_strategy(name: str, *, scope: Scope = None) -> StrategyReading:
    """`scope` narrows the models named in it. Raises StrategyNotFound."""
    if name in READY_MADE:
        return _ready_made(name)
    return _named(NamedStrategy.objects.filter(pk=find_strategy(name).pk), scope)[0]


def offered_strategies() -> list[StrategyReading]:
    """To choose from in a form: the ready-made ones, then the named ones by name."""
    return [
        *map(_ready_made, READY_MADE),
        *_named(NamedStrategy.objects.order_by("name")[:MAX_LIMIT], None),
    ]


def read_strategies(
    *,
    scope: Scope = None,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[StrategyReading]:
    """Both kinds, by name. `scope` narrows the models named in them. Raises CursorInvalid."""
    after = str(from_cursor(cursor, str)[0]) if cursor is not None else None
    rows = from_name(NamedStrategy.objects.all(), cursor, descending=descending)
    ready_made = [
        _ready_made(name)
        for name in READY_MADE
        if after is None or (name < after if descending else name > after)
    ]
    both = sorted(
        [*ready_made, *_named(rows[: limit + 1], scope)],
        key=lambda one: one.name,
        reverse=descending,
    )
    return cut(both, limit, lambda one: [one.name], both[:limit])


def _named(rows: Any, scope: Scope) -> list[StrategyReading]:
    shown = ~Q(default_of=None) if scope is None else Q(default_of__name__in=scope)
    users = ArrayAgg("default_of__name", filter=shown, order_by="default_of__name", default=[])
    return [
        StrategyReading(
            name=row.name,
            steps=row.steps,
            words=words_of(steps_of({"steps": row.steps})),
            sticky_header=row.sticky_header,
            description=row.description,
            ready_made=False,
            default_of=row.users,
            created_at=row.created_at,
            etag=revision_of(contents_of(row)),
        )
        for row in rows.annotate(users=users)
    ]


def _ready_made(name: str) -> StrategyReading:
    strategy = READY_MADE[name]()
    return StrategyReading(
        name=name,
        steps=strategy.as_json()["steps"],
        words=words_of(strategy.steps),
        sticky_header="",
        description=READY_MADE_WORDS[name],
        ready_made=True,
        default_of=[],
        created_at=None,
        etag=None,
    )
