"""API tokens: shown once, kept as a digest, never stronger than the person behind them.

A token is `hs_` and 256 random bits. A plain SHA-256 is enough to keep it: slow hashes
protect what people choose, and nobody guesses 256 bits, so a request costs microseconds.
The prefix lets secret scanners and people recognise one that leaked.
"""

import hashlib
import logging
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from swaps.access.roles import Actor, Role, role_of
from swaps.db.writability import refused_write
from swaps.models import ApiToken

log = logging.getLogger(__name__)

PREFIX = "hs_"
# So many characters are kept in the clear, to tell tokens apart.
SHOWN_CHARACTERS = 11
LONGEST = 200
# Writing at each request would make one hot row of every busy token.
USE_NOTED_EVERY = timedelta(minutes=1)


def create_token(
    user: User,
    *,
    name: str,
    role: Role,
    models: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    made_by: Actor | None = None,
) -> tuple[ApiToken, str]:
    """The token's row, and its plain text, which nothing can show again.

    `models`: the names of the only ones it is for; None for every model. `made_by`: who makes
    it, and thereby knows it.
    """
    plaintext = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=plaintext[:SHOWN_CHARACTERS],
        digest=_digest(plaintext),
        role=role,
        models=None if models is None else sorted(set(models)),
        expires_at=expires_at,
        made_by_id=made_by.user_id if made_by else None,
        known_to=sorted(made_by.people) if made_by else [],
    )
    return token, plaintext


def actor_for_token(
    plaintext: str, *, source: str = "API", address: str | None = None, request_id: str = ""
) -> Actor | None:
    """Who presents this token; None when it is unknown, revoked, expired or its user inactive.

    The role is the lower of the token's and of its user's present one, so taking a role
    from a person takes it from their tokens at once.
    """
    if not plaintext.startswith(PREFIX) or len(plaintext) > LONGEST:
        return None
    # Looked up by digest: how long the index takes tells nothing about the token.
    token = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)
        .filter(user__is_active=True, digest=_digest(plaintext))
        .first()
    )
    if token is None:
        return None
    _note_use(token)
    return Actor(
        name=token.user.get_username(),
        role=_lower(Role(token.role), role_of(token.user)),
        source=source,
        address=address,
        request_id=request_id,
        user_id=token.user_id,
        token=token.prefix,
        token_id=token.pk,
        models=None if token.models is None else frozenset(token.models),
        token_known_to=frozenset(token.known_to),
    )


def _note_use(token: ApiToken) -> None:
    """As well as it can be done: a database that takes no writes lets tokens read all the same."""
    recently = timezone.now() - USE_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > recently:
        return
    try:
        with transaction.atomic():
            ApiToken.objects.filter(
                Q(last_used_at=None) | Q(last_used_at__lt=Now() - USE_NOTED_EVERY), pk=token.pk
            ).update(last_used_at=Now())
    except DatabaseError as error:
        if refused_write(error) is None:
            raise
        log.debug("the use of token %s was not noted: %s", token.prefix, error)


def _lower(one: Role, other: Role | None) -> Role | None:
    order = list(Role)  # from the weakest
    return min(one, other, key=order.index) if other is not None else None


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
