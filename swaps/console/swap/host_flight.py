"""What executes on each model host, as the hosts say: asked while somebody watches a swap.

Envoy counts by version and by node. Which host a request runs on is the host's to say, and not
every kind of host does. Nobody waits for the answers, and nothing rests on them: they are shown,
with those of the last minute, which are in memory only.
"""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from swaps.adapters.contract import Ref
from swaps.adapters.errors import AdapterError
from swaps.commands.hosts.availability import ask_hosts
from swaps.console.shared.charts import WINDOW_SECONDS, Sample
from swaps.engine.hosts.adapters import adapter_of
from swaps.models import ModelHost, SwapOperation

ASK_SECONDS = 1.0
# What was said longer ago is not known any more.
STALE_SECONDS = 5.0
MOST_SWAPS = 64


@dataclass(frozen=True, slots=True)
class OnHost:
    """Requests executing on one host, from every caller; None: it did not say."""

    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class HostFlight:
    """By host: what was said last, and the last minute of it, oldest first."""

    now: Mapping[str, OnHost] = field(default_factory=dict)
    minute: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Asked:
    at: float = 0.0
    underway: bool = False
    told_at: float = 0.0
    told: HostFlight = field(default_factory=HostFlight)


_lock = threading.Lock()
_asked: OrderedDict[uuid.UUID, _Asked] = OrderedDict()
# Hosts that hang keep these few threads, and no page.
_askers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="host-flight")


def flight_on_hosts(swap: SwapOperation) -> HostFlight:
    """What was said up to now, and asks again for the next look."""
    now = time.monotonic()
    with _lock:
        asked = _asked.setdefault(swap.pk, _Asked())
        _asked.move_to_end(swap.pk)
        while len(_asked) > MOST_SWAPS:
            _asked.popitem(last=False)
        due = not asked.underway and now - asked.at >= ASK_SECONDS
        if due:
            asked.at, asked.underway = now, True
        told = asked.told if now - asked.told_at < STALE_SECONDS else HostFlight()
    if due:
        names = {*swap.source_hosts, *swap.target_hosts}
        hosts = list(ModelHost.objects.filter(name__in=names))
        _askers.submit(_ask, asked, hosts, swap.model.name, swap.from_version, swap.to_version)
    return told


def _ask(asked: _Asked, hosts: list[ModelHost], model: str, old: str | None, new: str) -> None:
    try:
        counting = [host for host in hosts if _counts(host)]
        on_old = ask_hosts(counting, Ref(model, old))[0] if old else {}
        on_new = ask_hosts(counting, Ref(model, new))[0]
        now = {
            host.name: OnHost(
                on_old[host.name].in_flight if host.name in on_old else None,
                on_new[host.name].in_flight if host.name in on_new else None,
            )
            for host in counting
        }
        at = time.monotonic()
        minute = {
            name: (
                *(s for s in asked.told.minute.get(name, ()) if at - s.at <= WINDOW_SECONDS),
                Sample(at, on.old, on.new),
            )
            for name, on in now.items()
        }
        asked.told, asked.told_at = HostFlight(now, minute), at
    finally:
        asked.underway = False


def _counts(host: ModelHost) -> bool:
    try:
        return adapter_of(host).capabilities.reports_in_flight
    except AdapterError:
        return False
