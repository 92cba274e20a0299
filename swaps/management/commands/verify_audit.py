"""`manage.py verify_audit`: was the audit log changed behind Hotswap's back?"""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from swaps.audit.privileges import weaknesses
from swaps.audit.seal import Head
from swaps.audit.verify import verify


class Command(BaseCommand):
    help = (
        "Find audit entries that were changed, removed, put in or cut off, and say which. Needs "
        "HOTSWAP_AUDIT_KEY and read access to the database; ends with 1 when something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            type=_head,
            metavar="NUMBER:MAC",
            help="a head kept elsewhere, from the line 'audit sealed' of the logs; the log must "
            "contain it",
        )

    def handle(self, *args: Any, head: Head | None, **options: Any) -> None:
        found = verify(self.stdout.write, head=head)
        self.stdout.write(
            f"{found.entries} entries, {found.sealed} seals, {found.waiting} not yet sealed; "
            f"the head is {found.head or 'none: nothing is sealed yet'}"
        )
        if not found.anchored:
            self.stdout.write(
                f"note: {settings.AUDIT_HEAD} is not there, so nothing was made on this machine "
                "that shows a cut-off end: give the last head from the logs by --head"
            )
        for weakness in weaknesses():
            self.stdout.write(f"note: {weakness}")
        if found.problems:
            raise CommandError(f"the audit log was tampered with: {found.problems} problems")
        self.stdout.write("nothing is wrong")


def _head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
