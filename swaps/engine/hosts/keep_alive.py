"""For how long hosts keep connections open on which nothing is asked: measured, and told to Envoy.

A measurement takes a minute, in a thread of its own, and is done when a host is added or moved,
after each of its restarts, when somebody checks it, and once a day: what is in front of it may
have been set otherwise since.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import connection, transaction
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from swaps.adapters.errors import AdapterError
from swaps.adapters.idle_connection import IdleConnection
from swaps.adapters.registry import left_idle
from swaps.db.statements import Statement, run
from swaps.db.writability import OUTAGE
from swaps.domain.idle_timeouts import LONGEST_MEASURED_SECONDS, as_measured
from swaps.engine.hosts.adapters import adapter_of, idle_timeout_of
from swaps.live.notify import notify_routes
from swaps.models import ModelHost
from swaps.models.hosts import HostHealth

log = structlog.get_logger("swaps.engine")

# A process that died at it, or a host that did not answer: somebody tries again after so long.
AGAIN = timedelta(minutes=3)
MEASURED_FOR = timedelta(days=1)
AT_ONCE = 50
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class _Measured:
    host: ModelHost
    idle: IdleConnection


class _Measurements:
    """Of this process, all in one thread, which ends with the last of them."""

    def __init__(self, longest_seconds: float = LONGEST_MEASURED_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._new: list[ModelHost] = []
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Of each host for which it is due, by now. Returns at once."""
        hosts = _claim()
        if not hosts:
            return
        with self._lock:
            self._new += hosts
            if self._thread is None:
                self._over.clear()
                self._thread = threading.Thread(target=self._run, name="keep-alive", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """What is under way is given up, and done again later."""
        self._over.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        under_way: list[_Measured] = []
        try:
            while not self._over.wait(LOOK_SECONDS):
                with self._lock:
                    hosts, self._new = self._new, []
                    if not hosts and not under_way:
                        self._thread = None
                        return
                # One after the other: what waits meanwhile is found to be open for less.
                under_way += [one for host in hosts if (one := _left_idle(host)) is not None]
                under_way = [one for one in under_way if not self._told(one)]
        finally:
            for one in under_way:
                one.idle.close()
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _told(self, one: _Measured) -> bool:
        """Whether it is over, and its row says what came of it."""
        open_still = one.idle.look()
        if open_still and one.idle.open_seconds < self._longest_seconds:
            return False
        one.idle.close()
        seconds = min(one.idle.open_seconds, self._longest_seconds)
        try:
            _keep(one.host, as_measured(seconds))
        except OUTAGE as error:
            log.warning("keep-alive not written", host=one.host.name, reason=str(error).strip())
        except Exception:
            log.exception("keep-alive not written", host=one.host.name)
        finally:
            connection.close()  # of this thread, which needs one once in a while
        return True


def _left_idle(host: ModelHost) -> _Measured | None:
    try:
        return _Measured(host, left_idle(adapter_of(host)))
    except AdapterError as error:
        log.info("keep-alive not measured", host=host.name, reason=str(error))
        return None


def _claim() -> list[ModelHost]:
    (found,) = run(
        Statement(
            f"""
            UPDATE swaps_modelhost SET keep_alive_due_at = statement_timestamp() + %(again)s
             WHERE id IN (SELECT id FROM swaps_modelhost
                           WHERE keep_alive_due_at <= statement_timestamp()
                             AND health = '{HostHealth.HEALTHY}'
                           ORDER BY keep_alive_due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,  # noqa: S608 - our own words
            {"again": AGAIN, "most": AT_ONCE},
        )
    )
    return list(ModelHost.objects.in_bulk([pk for (pk,) in found.rows]).values())


def _keep(host: ModelHost, seconds: float) -> None:
    with transaction.atomic():
        # One that was moved meanwhile is another server.
        same = ModelHost.objects.filter(pk=host.pk, kind=host.kind, url=host.url)
        found = same.select_for_update().first()
        if found is None:
            return
        before = found.measured_keep_alive_seconds
        same.update(measured_keep_alive_seconds=seconds, keep_alive_due_at=Now() + MEASURED_FOR)
        found.measured_keep_alive_seconds = seconds
        tell_router(found)
    if before != seconds:
        log.info("keep-alive measured", host=host.name, seconds=seconds)


def measure_again(host: ModelHost) -> None:
    """Soon. Until then the last measurement stands."""
    ModelHost.objects.filter(pk=host.pk).update(keep_alive_due_at=Now())


def tell_router(host: ModelHost) -> None:
    """The clusters that it serves in close idle connections as its row says by now. In the
    transaction that changes the row.
    """
    idle = {"idle": idle_timeout_of(host)}
    (found,) = run(
        Statement(
            """
            UPDATE swaps_cluster SET endpoints = (
                SELECT jsonb_agg(CASE WHEN one.endpoint ->> 'host' = %(name)s
                                      THEN one.endpoint || %(idle)s ELSE one.endpoint END
                                 ORDER BY one.number)
                  FROM jsonb_array_elements(endpoints) WITH ORDINALITY one (endpoint, number))
             WHERE retired_at IS NULL AND endpoints @> %(served)s AND NOT endpoints @> %(told)s
            RETURNING model_id
            """,
            {
                "name": host.name,
                "idle": Jsonb(idle),
                "served": Jsonb([{"host": host.name}]),
                "told": Jsonb([{"host": host.name} | idle]),
            },
        )
    )
    models: Collection[int] = {model for (model,) in found.rows}
    for model in models:
        notify_routes(model)


_measurements = _Measurements()
begin_measuring = _measurements.begin
stop_measuring = _measurements.stop
