"""`manage.py enrolnode`: let an Envoy of another machine speak to router processes."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from swaps.access.certificate_folder import CertificateFolder
from swaps.access.certificates import CERTIFICATE_LIFETIME, CertificateProblem
from swaps.commands.errors import InvalidRequest
from swaps.commands.nodes.enrolment import enrol_node
from swaps.management.operator import machine_operator
from swaps.router.xds.bootstrap import bootstrap
from swaps.router.xds.control_cluster import Network
from swaps.router.xds.node_folder import ADMIN_SOCKET, node_of_folder, write_node_folder


class Command(BaseCommand):
    help = (
        "Enrol a router node of another machine, or renew its certificate: writes a folder with "
        "its key, its certificate, Envoy's bootstrap and a start script. Copy it to that machine "
        "by a way that nobody else can read, and then delete it here."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("node_id", help="its name, which no other Envoy may have")
        parser.add_argument(
            "--router",
            action="append",
            default=[],
            type=_address,
            metavar="HOST:PORT",
            help="where the node reaches a router process; once for each. Not needed to renew "
            "the certificate in a folder",
        )
        parser.add_argument(
            "--listen",
            type=_address,
            default=("0.0.0.0", 8080),  # noqa: S104 - inference clients come from elsewhere
            metavar="ADDRESS:PORT",
            help="where the node takes inference requests (0.0.0.0:8080)",
        )
        parser.add_argument(
            "--folder", type=Path, help="where to write it (nodes/NODE_ID below HOTSWAP_HOME)"
        )
        parser.add_argument(
            "--days",
            type=int,
            default=CERTIFICATE_LIFETIME.days,
            help=f"how long the certificate lasts ({CERTIFICATE_LIFETIME.days})",
        )
        parser.add_argument("--reason", default="", help="for the audit log")

    def handle(
        self,
        *args: Any,
        node_id: str,
        router: list[tuple[str, int]],
        listen: tuple[str, int],
        folder: Path | None,
        days: int,
        reason: str,
        **options: Any,
    ) -> None:
        folder = folder or settings.HOME.path / "nodes" / node_id
        found = node_of_folder(folder)
        if found not in (node_id, None):
            raise CommandError(f"{folder} is the folder of node {found}: give another --folder")
        if not router and found is None:
            raise CommandError(
                f"--router HOST:PORT is missing: where node {node_id} reaches a router process"
            )
        certificates = CertificateFolder(settings.XDS_CERTIFICATES)
        try:
            issued = enrol_node(
                actor=machine_operator(),
                node_id=node_id,
                authority=certificates.open_authority(),
                lifetime=timedelta(days=days),
                reason=reason,
            )
            content = None
            if router:
                content = bootstrap(
                    node_id=node_id,
                    nonce=None,
                    listen_address=listen[0],
                    listen_port=listen[1],
                    admin_socket=ADMIN_SOCKET,
                    routers=Network(router),
                    flush_interval_ms=settings.ROUTER_FLUSH_MS,
                    memory_mib=settings.ROUTER_MEMORY_MIB,
                )
            write_node_folder(folder, issued, certificates.authority.read_bytes(), content)
        except (CertificateProblem, InvalidRequest, ValueError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{error.filename} cannot be written ({error.strerror}); give a --folder of yours"
            ) from error
        self.stdout.write(
            f"node {node_id} is enrolled until {issued.expires_at:%Y-%m-%d}; its folder is "
            f"{folder}.\nOn its machine: ENVOY=/path/to/envoy ./start.sh"
        )
        if not settings.XDS_LISTEN:
            self.stdout.write(
                "note: HOTSWAP_XDS_LISTEN is not set here: router processes listen to nobody "
                "over the network without it"
            )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT, such as router-1.example.com:18000")
    return host.strip("[]"), int(port)
