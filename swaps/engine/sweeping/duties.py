"""What has to be done now and then, and who does it: a row for each duty, taken by whichever
worker finds it due first. Postgres' clock alone says when; no machine's own, and no schedule that
a single process keeps, can hold it up.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from django.conf import settings

from swaps.audit.refusals import end_floods
from swaps.audit.seal import seal_all
from swaps.db.statements import Statement
from swaps.engine import traffic_record
from swaps.engine.hosts import keep_alive, rounds
from swaps.engine.sweeping.retention import forget_what_is_over

SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Duty:
    every_seconds: float
    do: Callable[[], object] | None  # None: the sweeper's own


def duties() -> dict[str, Duty]:
    """By name, as in the rows."""
    return {
        SWEEP: Duty(settings.SWEEP_SECONDS, None),
        "reconcile": Duty(settings.RECONCILE_SECONDS, rounds.begin_rounds),
        "measure-keep-alive": Duty(5.0, keep_alive.begin_measuring),
        "record-traffic": Duty(1.0, traffic_record.record_traffic),
        "seal-audit": Duty(settings.SEAL_SECONDS, _seal_audit),
        "forget-what-is-over": Duty(600.0, forget_what_is_over),
    }


def _seal_audit() -> None:
    end_floods()
    seal_all()


def known(names: Collection[str]) -> Statement:
    """Their rows exist from now on."""
    return Statement(
        "INSERT INTO swaps_periodicduty (name) SELECT unnest(%(names)s::text[])"
        " ON CONFLICT DO NOTHING",
        {"names": list(names)},
    )


# A time far to come is one of before Postgres' clock was put back: it would hold the duty up for
# as long. A little early, since whoever looks each second does not look by the microsecond.
_TAKE = """
UPDATE swaps_periodicduty duty SET taken_at = now()
  FROM unnest(%(names)s::text[], %(seconds)s::float8[]) AS wanted (name, seconds)
 WHERE duty.name = wanted.name
   AND (duty.taken_at IS NULL
        OR duty.taken_at > now() + make_interval(secs => wanted.seconds + 5)
        OR duty.taken_at <= now() - make_interval(secs => 0.9 * wanted.seconds))
RETURNING duty.name
"""


def take(wanted: Mapping[str, Duty]) -> Statement:
    """Returns the names of those that are due, and this worker's now."""
    return Statement(
        _TAKE,
        {"names": list(wanted), "seconds": [one.every_seconds for one in wanted.values()]},
    )


def hold(names: Collection[str]) -> Statement:
    """They take longer than their time, and go on: nobody else need begin them anew."""
    return Statement(
        "UPDATE swaps_periodicduty SET taken_at = now() WHERE name = ANY(%(names)s)",
        {"names": list(names)},
    )


def done(names: Collection[str]) -> Statement:
    return Statement(
        "UPDATE swaps_periodicduty SET done_at = now() WHERE name = ANY(%(names)s)",
        {"names": list(names)},
    )
