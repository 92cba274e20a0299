"""`manage.py runrouter`: the process that every Envoy takes its routes from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from swaps.access.certificate_folder import CertificateFolder
from swaps.router.process import CannotServe, run_until_signalled
from swaps.router.xds.network_door import NetworkDoor


class Command(BaseCommand):
    help = "Serve routes to Envoys, and record what they acknowledge and prove."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--socket",
            type=Path,
            default=settings.XDS_SOCKET,
            help="unix socket that Envoys connect to (HOTSWAP_XDS_SOCKET)",
        )
        parser.add_argument(
            "--listen",
            default=settings.XDS_LISTEN,
            metavar="ADDRESS:PORT",
            help="where enrolled Envoys of other machines connect (HOTSWAP_XDS_LISTEN)",
        )

    def handle(self, *args: Any, socket: Path, listen: str, **options: Any) -> None:
        folder = CertificateFolder(settings.XDS_CERTIFICATES)
        try:
            run_until_signalled(socket, NetworkDoor(listen, folder) if listen else None)
        except CannotServe as error:
            raise CommandError(str(error)) from error
