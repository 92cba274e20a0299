"""`manage.py provision`: register hosts, models and people from one JSON document.

On standard input, so that no secret is an argument; safe to run again:

    {"hosts": [{"name", "kind", "url", "control_token"}],
     "models": [{"name", "sample_request"}],
     "users": [{"username", "password", "role"}],
     "tokens": [{"name", "username", "role"}]}

Prints `{"tokens": {name: plaintext}}`: tokens of these names are made anew each time.
"""

import json
import sys
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models.functions import Now

from swaps.access.roles import Actor, Role
from swaps.access.tokens import create_token
from swaps.audit.record import record
from swaps.engine.errors import SwapRefused
from swaps.engine.reconcile import reconcile
from swaps.engine.registration import register_host, register_model
from swaps.models import ApiToken, ModelHost, ServedModel

ACTOR = Actor("provision", Role.ADMINISTRATOR, "command line")


class Command(BaseCommand):
    help = "Register hosts, models, people and tokens from a JSON document on standard input."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted = json.load(sys.stdin)
        except json.JSONDecodeError as error:
            raise CommandError(f"standard input is no JSON document: {error}") from error
        try:
            tokens = provision(wanted)
        except SwapRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(json.dumps({"tokens": tokens}))


def provision(wanted: dict[str, Any]) -> dict[str, str]:
    """Returns the plaintext of each token, by name. Raises SwapRefused."""
    for host in wanted.get("hosts", []):
        if not ModelHost.objects.filter(name=host["name"]).exists():
            register_host(actor=ACTOR, **host)
    for model in wanted.get("models", []):
        if not ServedModel.objects.filter(name=model["name"]).exists():
            register_model(actor=ACTOR, **model)
    for user in wanted.get("users", []):
        _set_user(**user)
    tokens = {}
    for token in wanted.get("tokens", []):
        tokens[token["name"]] = _renew_token(**token)
    # Hosts that were started anew are empty: what should be loaded is loaded again now.
    reconcile()
    return tokens


def _set_user(username: str, password: str, role: str) -> None:
    with transaction.atomic():
        user, created = User.objects.get_or_create(username=username)
        user.set_password(password)
        user.save()
        group, _ = Group.objects.get_or_create(name=Role(role).value)
        user.groups.set([group])
        record(
            actor=ACTOR,
            action="set-user",
            object_kind="user",
            object_name=username,
            after={"role": role, "created": created},
        )


def _renew_token(name: str, username: str, role: str) -> str:
    with transaction.atomic():
        user = User.objects.get(username=username)
        ApiToken.objects.filter(name=name, user=user, revoked_at=None).update(revoked_at=Now())
        _, plaintext = create_token(user, name=name, role=Role(role))
        record(
            actor=ACTOR,
            action="renew-token",
            object_kind="token",
            object_name=name,
            after={"user": username, "role": role},
        )
    return plaintext
