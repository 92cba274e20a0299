"""`manage.py reapnode`: a supervisor says that an Envoy it watched has ended."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from swaps.commands.errors import NodeNotFound
from swaps.commands.nodes.ending import reap_node
from swaps.management.operator import machine_operator


class Command(BaseCommand):
    help = (
        "Record that one run of an Envoy has ended, so that no drain waits for it. Only for "
        "whoever saw the process end: one that still runs may still send traffic."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("nonce", help="the nonce that run was started with")
        parser.add_argument("--reason", default="its supervisor saw the process end")

    def handle(self, *args: Any, nonce: str, reason: str, **options: Any) -> None:
        try:
            node = reap_node(machine_operator(), nonce, reason)
        except NodeNotFound as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"node {node.node_id} ({nonce}) is {node.state}: {node.ended_reason}; "
            "no drain waits for it"
        )
