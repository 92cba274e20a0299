"""`manage.py rotate_credentials`: hosts' credentials from an earlier key to the present one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from swaps.commands.hosts.credentials import rotate_credentials
from swaps.management.operator import machine_operator


class Command(BaseCommand):
    help = (
        "Encrypt every host's credential with HOTSWAP_CREDENTIAL_KEY, from whichever key of "
        "HOTSWAP_CREDENTIAL_KEY_FALLBACKS it was encrypted with; those are not needed after. "
        "May be run at any time, and again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotation = rotate_credentials(actor=machine_operator())
        self.stdout.write(
            f"{len(rotation.encrypted_anew)} credentials encrypted anew, "
            f"{len(rotation.as_they_were)} were under the present key"
        )
        if rotation.unreadable:
            raise CommandError(
                f"no key opens the credentials of {', '.join(rotation.unreadable)}: give their "
                "key in HOTSWAP_CREDENTIAL_KEY_FALLBACKS and run this again, or enter them anew "
                "(hotswap hosts edit NAME --token-file FILE)"
            )
