"""`manage.py runrouter`: the process that every Envoy takes its routes from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from swaps.router.process import CannotServe, run_until_signalled


class Command(BaseCommand):
    help = "Serve routes to Envoys, and record what they acknowledge and prove."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--socket",
            type=Path,
            default=settings.XDS_SOCKET,
            help="unix socket that Envoys connect to (HOTSWAP_XDS_SOCKET)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run_until_signalled(options["socket"])
        except CannotServe as error:
            raise CommandError(str(error)) from error
