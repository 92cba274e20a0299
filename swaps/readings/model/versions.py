"""A model's versions for its page: what each takes of the traffic, where it is, when it served."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from swaps.domain.states import SwapState
from swaps.models import Placement, SwapOperation
from swaps.models.hosts import Desired, Observed
from swaps.readings.model.models import ModelReading, VersionReading


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """A version on a host, as it was last seen. `share`: percent of the model's traffic that it
    gets there; None where it serves nobody.
    """

    host: str
    status: str
    desired: str
    reason: str
    share: float | None
    digest: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """`last_served`: when it gave up its traffic; None: never had any, or has it now."""

    reading: VersionReading
    places: tuple[VersionPlace, ...]
    last_served: datetime | None

    @property
    def digests(self) -> list[str]:
        """More than one: different files under one name."""
        return sorted({place.digest for place in self.places if place.digest})

    @property
    def size_bytes(self) -> int | None:
        return max((one.size_bytes for one in self.places if one.size_bytes), default=None)

    @property
    def present(self) -> int:
        """On how many hosts its files are, loaded or not."""
        lacking = {Observed.ABSENT, Observed.UNKNOWN}
        return sum(place.status not in lacking for place in self.places)

    @property
    def loaded(self) -> int:
        loaded = {Observed.READY, Observed.LOADING, Observed.UNLOADING}
        return sum(place.status in loaded for place in self.places)

    @property
    def ready(self) -> int:
        return sum(place.status == Observed.READY for place in self.places)


def read_versions(model: ModelReading) -> list[VersionRow]:
    """Those with traffic first, then the newest name first."""
    placed: dict[str, list[Placement]] = {}
    rows = Placement.objects.select_related("host").filter(model__name=model.name)
    for row in rows.order_by("host__name"):
        placed.setdefault(row.version, []).append(row)
    served = _last_served(model.name)
    lines = [
        VersionRow(
            reading=version,
            places=_places(version, placed.get(version.version, [])),
            last_served=None if version.weight else served.get(version.version),
        )
        for version in reversed(model.versions)
    ]
    return sorted(lines, key=lambda line: -line.reading.weight)


def _places(version: VersionReading, rows: Sequence[Placement]) -> tuple[VersionPlace, ...]:
    serving = [row for row in rows if row.desired == Desired.LOADED and row.answers]
    share = round(version.weight / len(serving), 1) if version.weight and serving else None
    return tuple(
        VersionPlace(
            host=row.host.name,
            status=row.observed,
            desired=row.desired,
            reason=row.observed_reason,
            share=share if row in serving else None,
            digest=row.digest,
            size_bytes=row.size_bytes,
        )
        for row in rows
    )


def _last_served(model: str) -> dict[str, datetime]:
    """When a version gave its traffic up, by version: swaps tell, which alone move traffic."""
    moved = SwapOperation.objects.filter(model__name=model, revision__isnull=False).order_by()
    gave_way = moved.filter(state=SwapState.COMPLETED, from_version__isnull=False)
    returned = moved.filter(state__in=[SwapState.ROLLED_BACK, SwapState.FAILED])
    found: dict[str, datetime] = {}
    for version, drained, ended in [
        *gave_way.values_list("from_version").annotate(Max("drained_at"), Max("end_time")),
        *returned.values_list("to_version").annotate(Max("drained_at"), Max("end_time")),
    ]:
        at = drained or ended
        if at is not None:
            found[version] = max(at, found.get(version, at))
    return found
