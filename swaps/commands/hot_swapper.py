"""The one door for Python callers: five methods, and their async twins."""

import asyncio
import time
import uuid
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async

from swaps.access.roles import Action, Actor
from swaps.commands.errors import DrainTimeout
from swaps.commands.swaps import drainage, operations
from swaps.commands.swaps.requests import find_model, find_swap
from swaps.domain.activity import active_versions
from swaps.domain.commands import Command
from swaps.domain.states import END_STATES
from swaps.models import Placement, Route, SwapOperation
from swaps.models.swap_operations import undecided

_POLL_SECONDS = 0.05


class ModelHotSwapper:
    """Puts a new version of a model in place of the old one, without dropping a request."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def swap_version(
        self, model_name: str, from_version: str, to_version: str, **options: Any
    ) -> SwapOperation:
        """Begin a swap; returns at once, Celery workers carry it out.

        `options`: see `swaps.commands.swaps.requests.SwapRequest`.
        Raises ModelNotFound, VersionNotFound, VersionNotActive, SwapInProgress, QueueHeld,
        HostUnreachable, InvalidRequest, NotAllowed.
        """
        return operations.request_swap(
            actor=self._actor,
            model_name=model_name,
            from_version=from_version,
            to_version=to_version,
            **options,
        )

    def get_swap_status(self, operation_id: uuid.UUID) -> SwapOperation:
        """The swap as it is now. Raises SwapNotFound, NotAllowed."""
        self._actor.require(Action.VIEW)
        return find_swap(operation_id, seen_by=self._actor)

    def wait_for_drainage(self, model_name: str, version: str, timeout: timedelta) -> None:
        """Return once every node has shown this version idle, twice, since this call.

        Whatever the version's weight. Raises DrainTimeout, ModelNotFound, VersionNotFound,
        NotAllowed.
        """
        self._actor.require(Action.VIEW)
        find_model(model_name, seen_by=self._actor)
        watch = drainage.open_watch(model_name, version)
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            while left := drainage.unanswered(watch):
                if time.monotonic() >= deadline:
                    raise _not_idle(model_name, version, timeout, left)
                time.sleep(_POLL_SECONDS)
        finally:
            drainage.close_watch(watch)

    async def await_for_drainage(self, model_name: str, version: str, timeout: timedelta) -> None:
        """The same, and no thread is held meanwhile.

        All synchronous work of an event loop shares one thread: a wait that slept in it
        would stop every other request of the process for as long.
        """
        self._actor.require(Action.VIEW)
        await sync_to_async(find_model)(model_name, seen_by=self._actor)
        watch = await sync_to_async(drainage.open_watch)(model_name, version)
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            while left := await sync_to_async(drainage.unanswered)(watch):
                if time.monotonic() >= deadline:
                    raise _not_idle(model_name, version, timeout, left)
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await sync_to_async(drainage.close_watch)(watch)

    def is_version_active(self, model_name: str, version: str) -> bool:
        """Ready, and holding weight, or holding none but not yet past the point of no return.

        Raises ModelNotFound, NotAllowed.
        """
        self._actor.require(Action.VIEW)
        model = find_model(model_name, seen_by=self._actor)
        return _is_active(model.pk, version)

    def rollback(self, operation_id: uuid.UUID) -> SwapOperation:
        """Return all traffic to the old version.

        Of a swap that is completed by a new swap the other way, which is returned.
        Raises SwapNotFound, PastPointOfNoReturn, NotPossibleNow, NotAllowed; for a completed
        swap also what `swap_version` raises.
        """
        # Whoever has the id of a roll back means that one.
        return operations.apply_command(
            operation_id, Command.ROLLBACK, actor=self._actor, of_rollback=True
        )

    aswap_version = sync_to_async(swap_version)
    aget_swap_status = sync_to_async(get_swap_status)
    ais_version_active = sync_to_async(is_version_active)
    arollback = sync_to_async(rollback)


def _not_idle(model_name: str, version: str, timeout: timedelta, left: list[str]) -> DrainTimeout:
    return DrainTimeout(
        f"{model_name} {version} was not idle within {timeout.total_seconds():g} s on "
        f"{', '.join(left)}"
    )


def _is_active(model_id: int, version: str) -> bool:
    placements = Placement.objects.filter(model=model_id, version=version)
    swaps = SwapOperation.objects.filter(model=model_id, queued=False).exclude(state__in=END_STATES)
    return version in active_versions(
        Route.objects.get(model=model_id).weights,
        {row.version for row in placements if row.answers},
        [undecided(swap) for swap in swaps],
    )
