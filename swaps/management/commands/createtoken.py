"""`manage.py createtoken`: a token without a token, for whoever has the machine."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from swaps.access.roles import Role
from swaps.commands.errors import InvalidRequest, UserNotFound
from swaps.commands.people.tokens import issue_token
from swaps.commands.people.users import find_user, role_of_person
from swaps.management.operator import machine_operator


class Command(BaseCommand):
    help = (
        "Make an API token, the first one above all: further ones are made by REST, the console or "
        "`hotswap tokens`. Prints its plain text, which nothing can show again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what it is for")
        parser.add_argument("--user", required=True, help="whom it speaks for")
        parser.add_argument("--role", choices=[*Role], help="at most so much (the user's own)")
        parser.add_argument(
            "--model",
            action="append",
            metavar="MODEL",
            help="the only one that it sees and acts on; once for each (all)",
        )
        parser.add_argument("--days", type=int, help="how long it lasts (until it is revoked)")

    def handle(
        self,
        *args: Any,
        name: str,
        user: str,
        role: str | None,
        model: list[str] | None,
        days: int | None,
        **options: Any,
    ) -> None:
        try:
            role = role or role_of_person(find_user(user))
            if role is None:
                raise CommandError(f"user {user} has no role: give them one first")
            _, plaintext = issue_token(
                actor=machine_operator(),
                name=name,
                role=role,
                username=user,
                models=model,
                expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
            )
        except (InvalidRequest, UserNotFound) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(plaintext)
