"""What a host can do, and what is amiss on it, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swaps.domain.drift import Drift
from swaps.readings.hosts import ModelHostReading, PlacementReading

_SCOPES = {
    "native": "Loads and unloads one version of a model by itself",
    "name": "Gives each version a name of its own, to load it by itself",
    "process": "Runs each version in a process of its own",
}
# By ability: in short where it is there, then whole sentences for there and not there.
_ABILITIES = (
    (
        "loads_in_background",
        "loads in the background",
        "Loads in the background",
        "A load call returns when the load is done",
    ),
    (
        "disturbs_siblings",
        "",
        "A load may stall its other versions",
        "A load leaves its other versions undisturbed",
    ),
    (
        "spares_in_flight",
        "spares running requests",
        "An unload lets running requests end",
        "An unload does not wait for running requests: the drain does",
    ),
    (
        "fences",
        "refuses stale calls",
        "Refuses calls of an older intent",
        "Cannot tell an older intent from a newer one",
    ),
    (
        "reports_digest",
        "tells digests",
        "Reports the digest of each version",
        "Reports no digests: whether two hosts have the same file is not known",
    ),
    (
        "reports_in_flight",
        "counts requests",
        "Reports its requests in flight",
        "Does not report requests in flight: the router counts them",
    ),
)


@dataclass(frozen=True, slots=True)
class Ability:
    there: bool
    short: str  # "" where it is nothing to boast of
    words: str


def abilities(capabilities: Mapping[str, Any] | None) -> list[Ability]:
    """What this kind of host can do and cannot; nothing where no adapter knows it."""
    if capabilities is None:
        return []
    scope = _SCOPES.get(str(capabilities.get("scope")), "")
    found = [Ability(True, "", scope)] if scope else []
    for name, short, there, missing in _ABILITIES:
        has = bool(capabilities.get(name))
        good = not has if name == "disturbs_siblings" else has
        found.append(Ability(good, short if has else "", there if has else missing))
    return found


def loaded(host: ModelHostReading) -> list[PlacementReading]:
    """The versions that can take requests there."""
    return [one for one in host.versions if one.status == "ready"]


def drifts(host: ModelHostReading) -> list[PlacementReading]:
    return [one for one in host.versions if one.drift is not None]


def drift_words(one: PlacementReading) -> str:
    """What is not as it should be, as the end of "this host …"."""
    ref = f"{one.model} {one.version}"
    if one.drift == Drift.UNASKED:
        return f"holds {ref}, which nobody asked for"
    match one.status:
        case "failed":
            return f"should serve {ref}, whose load failed"
        case "absent":
            return f"should serve {ref}, and has no file of it"
        case _:
            return f"should serve {ref}, and has not loaded it"


def drift_remedy(one: PlacementReading) -> str:
    """What to do about it."""
    if one.drift == Drift.UNASKED:
        return (
            "It is left alone: Hotswap never unloads what it did not load. Swap to it, or unload "
            "it at the host itself."
        )
    match one.status:
        case "failed":
            return "It is tried again. If it fails again, swap to a version that loads."
        case "absent":
            return "Put its files back on the host, or swap to a version that is there."
        case _:
            return "It is loaded again by itself within seconds, as after a restart of the host."
