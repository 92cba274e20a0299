"""`manage.py unenrolnode`: an Envoy of another machine may speak to us no more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from swaps.commands.errors import NodeNotFound
from swaps.commands.nodes.enrolment import unenrol_node
from swaps.management.operator import machine_operator


class Command(BaseCommand):
    help = (
        "Revoke all certificates of a router node. Its Envoy keeps the routes that it has: end "
        "its process as well."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("node_id")
        parser.add_argument("--reason", default="", help="for the audit log")

    def handle(self, *args: Any, node_id: str, reason: str, **options: Any) -> None:
        try:
            revoked = unenrol_node(actor=machine_operator(), node_id=node_id, reason=reason)
        except NodeNotFound as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"node {node_id} is not enrolled any more: {revoked} certificates revoked"
        )
