"""People who may come in: as what, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.db.models.functions import Now

from swaps.access.roles import Role
from swaps.commands.people.users import contents_of, find_user
from swaps.commands.revisions import revision_of
from swaps.models import ApiToken
from swaps.readings.shared.json_form import Reading, one_of
from swaps.readings.shared.pages import DEFAULT_LIMIT, Page, cut, from_name


@dataclass(frozen=True, slots=True)
class UserReading(Reading):
    username: str
    role: Annotated[str, one_of(Role)] | None  # null: none, they may not even look
    active: bool
    live_tokens: int  # those that speak for them and are neither revoked nor over
    last_login: datetime | None
    created_at: datetime
    etag: str  # of what can be edited: give it as If-Match


def read_user(username: str) -> UserReading:
    """Raises UserNotFound."""
    return _read_each([find_user(username)])[0]


def read_users(
    *,
    role: str | None = None,
    active: bool | None = None,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[UserReading]:
    """By name. Raises CursorInvalid."""
    found = User.objects.all()
    if role is not None:
        has = Q(groups__name=role)
        found = found.filter(has | Q(is_superuser=True) if role == Role.ADMINISTRATOR else has)
    if active is not None:
        found = found.filter(is_active=active)
    found = from_name(found, cursor, descending=descending, column="username")
    rows = list(found.distinct()[: limit + 1])
    return cut(rows, limit, lambda user: [user.username], _read_each(rows[:limit]))


def _read_each(users: Sequence[User]) -> list[UserReading]:
    lives = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
    tokens = dict(
        ApiToken.objects.filter(lives, user__in=users)
        .order_by("user")
        .values_list("user")
        .annotate(Count("pk"))
    )
    return [_reading(user, tokens.get(user.pk, 0)) for user in users]


def _reading(user: User, live_tokens: int) -> UserReading:
    contents = contents_of(user)
    return UserReading(
        username=user.username,
        role=contents["role"],
        active=user.is_active,
        live_tokens=live_tokens,
        last_login=user.last_login,
        created_at=user.date_joined,
        etag=revision_of(contents),
    )
