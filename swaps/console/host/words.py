"""What is on a host, and what is amiss with it, in words."""

from collections.abc import Sequence

from swaps.commands.hosts.examination import CheckName
from swaps.domain.drift import Drift
from swaps.domain.idle_timeouts import LONGEST_MEASURED_SECONDS
from swaps.readings.host.hosts import ModelHostReading, PlacementReading, UnregisteredReading

NAMED = 3
_CHECKS = {
    CheckName.RESOLVES: "Name resolves",
    CheckName.ALLOWED: "Address allowed",
    CheckName.REACHABLE: "Reachable",
    CheckName.ANSWERS: "Answers in time",
    CheckName.KIND: "Right kind",
    CheckName.AUTHENTICATED: "Authenticated",
    CheckName.CAPABILITIES: "Can do",
    CheckName.VERSIONS: "Versions found",
}


def check_label(name: CheckName) -> str:
    return _CHECKS[name]


_ICONS = {"passed": "done", "failed": "failed", "warning": "attention"}


def check_icon(result: str) -> str:
    return _ICONS.get(result, "stopped")


def loaded(host: ModelHostReading) -> list[PlacementReading]:
    """The versions that can take requests there."""
    return [one for one in host.versions if one.status == "ready"]


def loaded_unregistered(host: ModelHostReading) -> list[UnregisteredReading]:
    """Of models that nobody registered, those that serve whoever asks the host itself."""
    return [one for one in host.unregistered if one.status == "ready"]


def named_first(versions: Sequence[UnregisteredReading]) -> str:
    """The first three, and how many more there are."""
    names = ", ".join(f"{one.model} {one.version}" for one in versions[:NAMED])
    more = len(versions) - NAMED
    return f"{names} and {more} more" if more > 0 else names


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
            return (
                "It is not tried again by itself: the host's log says more. Restart the host, and "
                "it is loaded again, or swap to a version that loads."
            )
        case "absent":
            return "Put its files back on the host, or swap to a version that is there."
        case _:
            return "It is loaded again by itself within seconds, as after a restart of the host."


def idle_words(host: ModelHostReading) -> str:
    """When its connections are closed while nothing is asked, by the router and by itself."""
    closed = f"closed after {host.idle_timeout_in_use_seconds:g} s"
    if host.idle_timeout_seconds is not None:
        closed += ", as set"
    kept = host.measured_keep_alive_seconds
    if kept is None:
        return f"{closed}; how long the host keeps them is not measured yet"
    more = "more than " if kept >= LONGEST_MEASURED_SECONDS else ""
    return f"{closed}; the host keeps them for {more}{kept:g} s"


def closes_too_late(host: ModelHostReading) -> bool:
    """Somebody set a time in which the host closes a connection before the router does."""
    kept = host.measured_keep_alive_seconds
    if not kept or kept >= LONGEST_MEASURED_SECONDS:
        return False
    return host.idle_timeout_in_use_seconds >= kept
