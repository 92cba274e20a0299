"""`manage.py provision`: register hosts, models and people from one JSON document.

On standard input, so that no secret is an argument; safe to run again:

    {"hosts": [{"name", "kind", "url", "control_token"}],
     "models": [{"name", "sample_request"}],
     "users": [{"username", "password", "role"}],
     "tokens": [{"name", "username", "role"}]}

Prints `{"tokens": {name: plaintext}}`: tokens of these names are made anew each time. Nothing
of a person whose password is too weak, or of whoever else is refused, is changed.
"""

import sys
from typing import Any, NotRequired, TypedDict

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models.functions import Now
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from swaps.access.roles import Actor, NotAllowed, Role
from swaps.access.tokens import create_token
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, SwapRefused, UserNotFound
from swaps.commands.people.users import create_user, find_user, role_of_person, update_user
from swaps.commands.registration import register_host, register_model
from swaps.engine.hosts.rounds import reconcile
from swaps.models import ApiToken, ModelHost, ServedModel

ACTOR = Actor("provision", Role.ADMINISTRATOR, "command line")
_strict = with_config(ConfigDict(extra="forbid"))


@_strict
class Host(TypedDict):
    name: str
    kind: str
    url: str
    control_token: NotRequired[str]
    max_concurrent_loads: NotRequired[int]
    idle_timeout_seconds: NotRequired[float]


@_strict
class Model(TypedDict):
    name: str
    sample_request: NotRequired[dict[str, Any]]


@_strict
class Person(TypedDict):
    username: str
    password: str
    role: Role


@_strict
class Token(TypedDict):
    name: str
    username: str
    role: Role


@_strict
class Wanted(TypedDict, total=False):
    hosts: list[Host]
    models: list[Model]
    users: list[Person]
    tokens: list[Token]


_wanted = TypeAdapter(Wanted)
_tokens = TypeAdapter(dict[str, dict[str, str]])


class Command(BaseCommand):
    help = "Register hosts, models, people and tokens from a JSON document on standard input."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tokens = provision(_wanted.validate_json(sys.stdin.read()))
        except ValidationError as error:
            # Not the error's own words: they tell what was given, which may be a password.
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "standard input"
            raise CommandError(f"{where}: {first['msg']}") from None
        except (SwapRefused, NotAllowed) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(_tokens.dump_json({"tokens": tokens}).decode())


def provision(wanted: Wanted) -> dict[str, str]:
    """Returns the plaintext of each token, by name. Raises SwapRefused, NotAllowed."""
    for host in wanted.get("hosts", []):
        if not ModelHost.objects.filter(name=host["name"]).exists():
            register_host(actor=ACTOR, **host)
    for model in wanted.get("models", []):
        if not ServedModel.objects.filter(name=model["name"]).exists():
            register_model(actor=ACTOR, **model)
    for person in wanted.get("users", []):
        _set_user(person)
    tokens = {token["name"]: _renew_token(**token) for token in wanted.get("tokens", [])}
    # Hosts that were started anew are empty: what should be loaded is loaded again now.
    reconcile()
    return tokens


def _set_user(person: Person) -> None:
    """Raises InvalidRequest, LastAdministrator; the messages name the person."""
    username, password, role = person["username"], person["password"], person["role"]
    try:
        try:
            user = find_user(username)
        except UserNotFound:
            create_user(actor=ACTOR, username=username, password=password, role=role)
            return
        changes: dict[str, Any] = {}
        if not user.check_password(password):
            changes["password"] = password  # ends their sessions
        if role_of_person(user) != role:
            changes["role"] = role
        if changes:
            update_user(actor=ACTOR, username=username, **changes)
    except InvalidRequest as refusal:
        raise InvalidRequest(
            refusal.field, f"user {username}: {refusal.field}: {refusal}"
        ) from refusal


def _renew_token(name: str, username: str, role: Role) -> str:
    user = find_user(username)
    with transaction.atomic():
        ApiToken.objects.filter(name=name, user=user, revoked_at=None).update(revoked_at=Now())
        _, plaintext = create_token(user, name=name, role=role)
        record(
            actor=ACTOR,
            action="renew-token",
            object_kind="token",
            object_name=name,
            after={"user": username, "role": role},
        )
    return plaintext
