"""`manage.py after_restore`: what has to be told to hosts once a backup was restored."""

from typing import Any

from django.core.management.base import BaseCommand

from swaps.commands.after_restore import begin_anew
from swaps.management.operator import machine_operator


class Command(BaseCommand):
    help = (
        "Run it once the database was restored from a backup: hosts remember what was wanted "
        "after that backup, and refuse what is wanted now as older, and Envoys serve what came "
        "after it, so nothing that they proved before counts. Open swaps unload nothing until "
        "somebody promotes them or rolls them back."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        renewed = begin_anew(actor=machine_operator())
        self.stdout.write(
            f"{renewed} versions on hosts are wanted, or given up, anew; workers call the hosts "
            "within seconds"
        )
