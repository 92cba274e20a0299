"""What should be loaded where: desired placements and the clusters that go with them."""

from collections.abc import Mapping

from django.db.models import F, Subquery
from django.db.models.functions import Now

from swaps.adapters.contract import Ref
from swaps.domain.steps import Want
from swaps.engine.hosts import adapter_of
from swaps.live.notify import notify_routes
from swaps.models import Cluster, ModelHost, Placement, SwapOperation
from swaps.models.hosts import Desired, Observed


def hosts_of(model_id: int, version: str | None) -> list[str]:
    """Where a version shall be loaded, by name."""
    rows = Placement.objects.filter(
        model=model_id, version=version or "", desired=Desired.LOADED
    ).order_by("host__name")
    return list(rows.values_list("host__name", flat=True))


def commit(swap: SwapOperation, want: Want) -> None:
    """To be called in the transaction that changes the swap."""
    if want.loaded:
        _load(swap, want)
    else:
        _give_up(swap, want)
    notify_routes(swap.model_id)


def _load(swap: SwapOperation, want: Want) -> None:
    hosts = {host.name: host for host in ModelHost.objects.filter(name__in=want.hosts)}
    if _want_loaded(swap, want, hosts) != len(hosts):
        Placement.objects.bulk_create(
            [Placement(host=one, model=swap.model, version=want.version) for one in hosts.values()],
            ignore_conflicts=True,
        )
        _want_loaded(swap, want, hosts)
    make_cluster(swap, want.version, [hosts[name] for name in want.hosts])


def _want_loaded(swap: SwapOperation, want: Want, hosts: Mapping[str, ModelHost]) -> int:
    """What was seen belongs to an earlier intent. Returns on how many hosts it is known."""
    return Placement.objects.filter(
        model=swap.model_id, version=want.version, host__in=hosts.values()
    ).update(
        desired=Desired.LOADED,
        fence=F("fence") + 1,
        unload_owed=False,
        observed=Observed.UNKNOWN,
        observed_reason="",
        observed_at=None,
        load_called_at=None,
        answered_boot_id="",
    )


def _give_up(swap: SwapOperation, want: Want) -> None:
    Placement.objects.filter(
        model=swap.model_id, version=want.version, host__name__in=want.hosts
    ).update(desired=Desired.ABSENT, fence=F("fence") + 1, load_called_at=None, unload_owed=True)
    Cluster.objects.filter(model=swap.model_id, version=want.version, retired_at=None).update(
        retired_at=Now()
    )


def make_cluster(swap: SwapOperation, version: str, hosts: list[ModelHost]) -> None:
    """A new generation, unless this version has a live cluster already."""
    newest = (
        Cluster.objects.filter(model=swap.model_id, version=version).order_by("-generation").first()
    )
    if newest is not None and newest.retired_at is None:
        return
    ref = Ref(swap.model.name, version)
    routes = {host.name: adapter_of(host).route(ref) for host in hosts}
    some = next(iter(routes.values()))
    Cluster.objects.create(
        model=swap.model,
        version=version,
        generation=newest.generation + 1 if newest else 1,
        endpoints=[
            {"host": name, "address": route.host, "port": route.port, "tls": route.tls}
            for name, route in routes.items()
        ],
        paths={
            "infer": some.infer_path,
            "ready": some.ready_path,
            "metadata": some.metadata_path,
            "health": some.health_path,
        },
    )


def load_began_at(swap: SwapOperation) -> Subquery:
    """When the first host was asked to load the new version."""
    calls = Placement.objects.filter(model=swap.model_id, version=swap.to_version)
    return Subquery(calls.order_by("load_called_at").values("load_called_at")[:1])


def cleanup_pending(swap: SwapOperation) -> bool:
    """Whether a version that this swap gave up is not known to be unloaded everywhere."""
    versions = [version for version in (swap.from_version, swap.to_version) if version]
    return Placement.objects.filter(
        model=swap.model_id, version__in=versions, unload_owed=True
    ).exists()
