"""What the domain changes of a swap (swaps.domain.changes), as columns of its row."""

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Greatest, Now

from swaps.domain.changes import Changes, FromNow

_NAMED = {"abort": "abort_requested", "roll_forward": "roll_forward_requested"}
# A fact to the decision; the row says since when.
_SINCE = {"reloading": "reloading_since", "past_return": "past_return_at", "routed": "revision_at"}


def columns_of(changes: Changes) -> dict[str, Any]:
    """All but the state, which `store.write` moves on, and the number of a new revision."""
    columns: dict[str, Any] = {}
    for name, value in changes.items():
        if name == "state":
            continue
        if name in _SINCE:
            columns[_SINCE[name]] = Now() if value else None
        elif isinstance(value, FromNow):
            columns[name] = _moment(value)
        else:
            columns[_NAMED.get(name, name)] = value
    return columns


def _moment(value: FromNow) -> Any:
    start: Any = Greatest(F(value.or_from), Now()) if value.or_from else Now()
    moment = start + value.after if value.after != timedelta() else start
    return Greatest(F(value.not_before), moment) if value.not_before else moment
