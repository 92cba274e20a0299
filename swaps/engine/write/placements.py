"""What should be loaded where: desired placements and the clusters that go with them."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from swaps.adapters.contract import Ref
from swaps.db.statements import Statement
from swaps.domain.decisions import Want
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.observe import ObservedSwap, Placed
from swaps.models import ModelHost, SwapOperation


def intend(observed: ObservedSwap, want: Want) -> list[Statement]:
    """For the transaction that changes the swap. Each grows the placements' fences by one."""
    swap, placed = observed.swap, observed.placed(want.version, want.hosts)
    if not want.loaded:
        undone = want.version == swap.to_version
        return [_give_up(placed, undone=undone), _retire_cluster(swap, want.version)]
    known = len(placed) == len(want.hosts)
    return [
        *([] if known else [_make_known(swap, want)]),
        _want_loaded(swap, want, first=observed.first_fence),
        *([] if want.version in observed.clusters else [_make_cluster(swap, want)]),
    ]


def _make_known(swap: SwapOperation, want: Want) -> Statement:
    """A host that never had the version gets a row for it."""
    return Statement(
        """
        INSERT INTO swaps_placement (host_id, model_id, version, desired, fence, unload_owed,
               observed, observed_reason, digest, boot_id, answered_boot_id)
        SELECT id, %(model)s, %(version)s::varchar, 'absent', 0, false, 'unknown', '', '', '', ''
          FROM swaps_modelhost WHERE name = ANY(%(hosts)s)
        ON CONFLICT (host_id, model_id, version) DO NOTHING
        """,
        {"model": swap.model_id, "version": want.version, "hosts": list(want.hosts)},
    )


# A load that was given up before its outcome was known; see Placed.undecided.
_MAY_RUN = (
    "unload_owed AND load_called_at IS NOT NULL AND observed IN ('loading', 'unloading', 'unknown')"
)


def _want_loaded(swap: SwapOperation, want: Want, *, first: int) -> Statement:
    """What was seen belongs to an earlier intent; of a load that may still run only that.

    Of what others had loaded, and no call of ours was ever about, the host need not be told.
    """
    return Statement(
        f"""
        UPDATE swaps_placement
           SET desired = 'loaded', fence = CASE WHEN fence = 0 THEN %(first)s ELSE fence + 1 END,
               found_loaded = CASE WHEN desired = 'loaded' THEN found_loaded
                                   ELSE observed = 'ready' AND NOT unload_owed END,
               unload_owed = false, observed_reason = '',
               observed = CASE WHEN {_MAY_RUN} THEN 'loading' ELSE 'unknown' END,
               observed_at = NULL, silent_since = NULL,
               load_called_at = CASE WHEN {_MAY_RUN} THEN load_called_at END,
               load_fence = CASE WHEN fence = 0 AND observed = 'ready' THEN %(first)s
                                 ELSE load_fence END,
               load_pending = coalesce({_MAY_RUN}, false), lost_loads = 0, answered_boot_id = ''
         WHERE model_id = %(model)s AND version = %(version)s
           AND host_id IN (SELECT id FROM swaps_modelhost WHERE name = ANY(%(hosts)s))
        """,  # noqa: S608 - our own words
        {
            "model": swap.model_id,
            "version": want.version,
            "hosts": list(want.hosts),
            "first": first,
        },
    )


def _give_up(placed: Sequence[Placed], *, undone: bool) -> Statement:
    """A load of which nobody knows the outcome yet goes on to take its host's slot.

    `undone`: by the swap that brought it, so that what others had loaded stays as it was.
    """
    return Statement(
        """
        UPDATE swaps_placement
           SET desired = 'absent', fence = fence + 1,
               unload_owed = NOT (found_loaded AND %(undone)s),
               load_called_at = CASE WHEN observed IN ('loading', 'unknown')
                                     THEN load_called_at END,
               load_pending = false, lost_loads = 0
         WHERE id = ANY(%(ids)s)
        """,
        {"ids": [one.pk for one in placed], "undone": undone},
    )


def _retire_cluster(swap: SwapOperation, version: str) -> Statement:
    return Statement(
        "UPDATE swaps_cluster SET retired_at = statement_timestamp()"
        " WHERE model_id = %(model)s AND version = %(version)s AND retired_at IS NULL",
        {"model": swap.model_id, "version": version},
    )


def _make_cluster(swap: SwapOperation, want: Want) -> Statement:
    """A new generation."""
    ref = Ref(swap.model.name, want.version)
    hosts = ModelHost.objects.in_bulk(want.hosts, field_name="name")
    adapters = {name: adapter_of(hosts[name]) for name in want.hosts}
    routes = {name: adapter.route(ref) for name, adapter in adapters.items()}
    some = next(iter(routes.values()))
    return Statement(
        """
        INSERT INTO swaps_cluster (model_id, version, generation, endpoints, paths, created_at)
        SELECT %(model)s, %(version)s::varchar, coalesce(max(generation), 0) + 1,
               %(endpoints)s, %(paths)s, statement_timestamp()
          FROM swaps_cluster WHERE model_id = %(model)s AND version = %(version)s::varchar
        """,
        {
            "model": swap.model_id,
            "version": want.version,
            "endpoints": Jsonb(
                [
                    {
                        "host": name,
                        "address": route.host,
                        "port": route.port,
                        "tls": route.tls,
                        "name": route.server_name,
                        "not_begun": adapters[name].capabilities.not_begun_header,
                        "idle": adapters[name].address.idle_seconds,
                    }
                    for name, route in routes.items()
                ]
            ),
            "paths": Jsonb(
                {
                    "infer": some.infer_path,
                    "ready": some.ready_path,
                    "metadata": some.metadata_path,
                    "health": some.health_path,
                }
            ),
        },
    )


def owed(swap: SwapOperation) -> Statement:
    """A row when a version that this swap gave up is not known to be unloaded everywhere."""
    return Statement(
        "SELECT 1 FROM swaps_placement WHERE model_id = %(model)s"
        " AND version = ANY(%(versions)s) AND unload_owed LIMIT 1",
        {
            "model": swap.model_id,
            "versions": [version for version in (swap.from_version, swap.to_version) if version],
        },
    )
