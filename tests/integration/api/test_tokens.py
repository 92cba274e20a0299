"""Tokens: who they let in, as what, and for how long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from swaps.access.roles import Role
from swaps.access.tokens import actor_for_token, create_token
from swaps.models import ApiToken
from tests.integration.api.caller import a_person

pytestmark = pytest.mark.django_db


def test_a_token_is_kept_as_a_digest_only() -> None:
    token, plaintext = create_token(a_person(), name="ci", role=Role.OPERATOR)
    assert plaintext.startswith(token.prefix)
    row = ApiToken.objects.values().get(pk=token.pk)
    assert plaintext not in str(row)
    assert plaintext[len(token.prefix) :] not in str(row)


def test_the_role_is_the_lower_of_tokens_and_persons() -> None:
    operator = a_person("olga", Role.OPERATOR)
    _, strong = create_token(operator, name="strong", role=Role.ADMINISTRATOR)
    _, weak = create_token(operator, name="weak", role=Role.VIEWER)
    assert getattr(actor_for_token(strong), "role", None) is Role.OPERATOR
    assert getattr(actor_for_token(weak), "role", None) is Role.VIEWER
    operator.groups.clear()
    actor = actor_for_token(strong)
    assert actor is not None
    assert actor.role is None


def test_revoked_expired_unknown_and_inactive_are_nobody() -> None:
    person = a_person()
    token, plaintext = create_token(person, name="ci", role=Role.OPERATOR)
    past = timezone.now() - timedelta(seconds=1)
    assert actor_for_token(plaintext) is not None
    assert actor_for_token(plaintext + "x") is None
    assert actor_for_token("") is None
    ApiToken.objects.filter(pk=token.pk).update(expires_at=past)
    assert actor_for_token(plaintext) is None
    ApiToken.objects.filter(pk=token.pk).update(expires_at=None, revoked_at=past)
    assert actor_for_token(plaintext) is None
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=None)
    assert actor_for_token(plaintext) is not None
    person.is_active = False
    person.save()
    assert actor_for_token(plaintext) is None


def test_use_is_noted_at_most_once_a_minute() -> None:
    token, plaintext = create_token(a_person(), name="ci", role=Role.VIEWER)
    actor_for_token(plaintext)
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    actor_for_token(plaintext)
    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    actor_for_token(plaintext)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_at >= first
