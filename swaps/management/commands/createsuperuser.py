"""`manage.py createsuperuser`: the first administrator.

In place of Django's command of that name, which lets a weak password pass and leaves no trace
in the audit log.
"""

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from swaps.access.roles import NotAllowed, Role
from swaps.commands.errors import SwapRefused
from swaps.commands.people.users import create_user
from swaps.management.operator import machine_operator


class Command(BaseCommand):
    help = "Let an administrator in; the password is asked for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", help="asked for, if it is not given")
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="ask for nothing: DJANGO_SUPERUSER_USERNAME and DJANGO_SUPERUSER_PASSWORD of the "
            "environment are taken",
        )

    def handle(self, *args: Any, username: str | None, interactive: bool, **options: Any) -> None:
        username = username or os.environ.get("DJANGO_SUPERUSER_USERNAME")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        if interactive:
            try:
                username = username or input("Username: ")
                password = getpass.getpass()
                again = getpass.getpass("Password (again): ")
            except (KeyboardInterrupt, EOFError):
                raise CommandError("nobody was let in") from None
            if password != again:
                raise CommandError("the two passwords differ: nobody was let in")
        if not username or not password:
            raise CommandError(
                "without a terminal give --username, or DJANGO_SUPERUSER_USERNAME, and "
                "DJANGO_SUPERUSER_PASSWORD"
            )
        try:
            create_user(
                actor=machine_operator(),
                username=username,
                password=password,
                role=Role.ADMINISTRATOR,
            )
        except (SwapRefused, NotAllowed) as refusal:
            raise CommandError(f"user {username}: {refusal}") from refusal
        self.stdout.write(f"{username} is an administrator")
