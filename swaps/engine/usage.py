"""What still needs a host or a model: neither is deleted, and no host re-addressed, meanwhile."""

from collections.abc import Iterable

from django.db.models import Q
from django.db.models.functions import Now

from swaps.domain.states import END_STATES
from swaps.models import Cluster, ModelHost, Placement, Route, ServedModel, SwapOperation
from swaps.models.hosts import Desired, HostHealth

# So many are named; a person who reads the refusal looks at the page for the others.
NAMED = 5


def uses_of_host(host: ModelHost, *, given_up: bool = False) -> list[str]:
    """Each as the end of a sentence, empty when nothing does. Call with the row locked.

    `given_up`: the host itself goes. Then nobody waits for what is only to be unloaded from
    one that does not answer: that machine may be gone for good.
    """
    needed = Q(desired=Desired.LOADED) | Q(lease_until__gt=Now())
    if not given_up or host.health != HostHealth.UNREACHABLE:
        needed |= Q(unload_owed=True)
    placed = Placement.objects.filter(needed, host=host).select_related("model")
    served = Cluster.objects.filter(
        retired_at=None, endpoints__contains=[{"host": host.name}]
    ).select_related("model")
    named = Q(source_hosts__contains=[host.name]) | Q(target_hosts__contains=[host.name])
    return [
        *_swaps(named),
        *_some(_of_placement(row) for row in placed),
        *_some(f"requests for {row.model.name} {row.version} are sent there" for row in served),
    ]


def uses_of_model(model: ServedModel) -> list[str]:
    """Each as the end of a sentence, empty when nothing does. Call with the row locked."""
    route = Route.objects.filter(model=model).first()
    shares = [f"{v} serves {weight} %" for v, weight in route.weights.items()] if route else []
    # Said, because nobody would find the way that there is not.
    way = "a swap replaces what serves, and nothing takes it out of service"
    serving = [f"{', '.join(sorted(shares))} ({way})"] if shares else []
    placed = Placement.objects.filter(
        Q(desired=Desired.LOADED) | Q(unload_owed=True) | Q(lease_until__gt=Now()), model=model
    ).select_related("model", "host")
    on_hosts = _some(f"{_of_placement(row)} ({row.host.name})" for row in placed)
    protected = ["it is protected: unprotect it first, which takes two"] if model.protected else []
    return [*_swaps(Q(model=model)), *serving, *on_hosts, *protected]


def _swaps(which: Q) -> list[str]:
    swaps = SwapOperation.objects.filter(which).exclude(state__in=END_STATES)
    return _some(f"the swap {swap} is {swap.state}" for swap in swaps.select_related("model"))


def _of_placement(row: Placement) -> str:
    ref = f"{row.model.name} {row.version}"
    if row.desired == Desired.LOADED:
        return f"{ref} is to be loaded there"
    if row.unload_owed:
        return f"{ref} is still to be unloaded there"
    return f"a call about {ref} is under way"


def _some(sentences: Iterable[str]) -> list[str]:
    found = sorted(sentences)
    more = len(found) - NAMED
    return found if more <= 0 else [*found[:NAMED], f"{more} more such"]
