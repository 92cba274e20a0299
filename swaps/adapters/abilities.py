"""What a kind of host can do, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
