"""API tokens, without what would let anybody in."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from django.db.models import Q
from django.db.models.functions import Now

from swaps.access.roles import Role
from swaps.models import ApiToken
from swaps.readings.shared.json_form import Reading, one_of
from swaps.readings.shared.pages import DEFAULT_LIMIT, Page, cut, from_cursor


@dataclass(frozen=True, slots=True)
class TokenReading(Reading):
    id: int
    name: str
    prefix: str
    user: str
    role: Annotated[str, one_of(Role)]
    models: list[str] | None  # null: every model
    made_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None  # to the minute
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuedToken(TokenReading):
    """With its plain text: this answer is the only one that ever has it. Null where the answer
    is given again: whoever lost it makes another token.
    """

    token: str | None = field(repr=False)


def read_token(pk: int) -> TokenReading:
    """Raises ApiToken.DoesNotExist."""
    return _reading(ApiToken.objects.select_related("user", "made_by").get(pk=pk))


def read_tokens(
    *,
    user: str | None = None,
    role: str | None = None,
    live: bool | None = None,
    descending: bool = True,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[TokenReading]:
    """In the order they were made. `user`: only those that speak for this one; `live`: only
    those that are neither revoked nor over, or only those that are. Raises CursorInvalid.
    """
    found = ApiToken.objects.select_related("user", "made_by").order_by(
        "-pk" if descending else "pk"
    )
    wanted = {"user__username": user, "role": role}
    found = found.filter(**{field: value for field, value in wanted.items() if value is not None})
    if live is not None:
        lives = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
        found = found.filter(lives if live else ~lives)
    if cursor is not None:
        last = from_cursor(cursor, int)[0]
        found = found.filter(pk__lt=last) if descending else found.filter(pk__gt=last)
    rows = list(found[: limit + 1])
    return cut(rows, limit, lambda row: [row.pk], [_reading(row) for row in rows[:limit]])


def _reading(token: ApiToken) -> TokenReading:
    return TokenReading(
        id=token.pk,
        name=token.name,
        prefix=token.prefix,
        user=token.user.get_username(),
        role=token.role,
        models=token.models,
        made_by=token.made_by.get_username() if token.made_by else None,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )
