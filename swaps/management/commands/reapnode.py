"""`manage.py reapnode`: a supervisor says that an Envoy it watched has ended."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models.functions import Now

from swaps.live.notify import notify_nodes
from swaps.live.wake import wake_swaps_of
from swaps.models import NodeIncarnation, SwapOperation
from swaps.models.nodes import REQUIRED_NODE_STATES, NodeState


class Command(BaseCommand):
    help = (
        "Record that one run of an Envoy has ended, so that no drain waits for it. Only for "
        "whoever saw the process end: one that still runs may still send traffic."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("nonce", help="the nonce that run was started with")
        parser.add_argument("--reason", default="its supervisor saw the process end")

    def handle(self, *args: Any, nonce: str, reason: str, **options: Any) -> None:
        with transaction.atomic():
            # Conditional: a row that was retired keeps the name of whoever retired it.
            reaped = NodeIncarnation.objects.filter(
                nonce=nonce, state__in=REQUIRED_NODE_STATES
            ).update(state=NodeState.REAPED, ended_at=Now(), ended_reason=reason)
            models = set(
                SwapOperation.objects.filter(end_time=None, queued=False).values_list(
                    "model_id", flat=True
                )
            )
            if reaped:
                notify_nodes(models)
        if reaped:
            wake_swaps_of(models)
            self.stdout.write(f"incarnation {nonce} is reaped; drains no longer wait for it")
            return
        found = NodeIncarnation.objects.filter(nonce=nonce).first()
        if found is None:
            raise CommandError(f"no node was ever started with the nonce {nonce}")
        self.stdout.write(f"incarnation {nonce} had ended before: {found.state}")
