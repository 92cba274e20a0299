"""Giving a version back, once nothing can reach it any more.

A host that does not manage in time does not hold up the end of the swap: nobody is routed
to the version, and the cleanup goes on by itself.
"""

from datetime import timedelta

from swaps.domain.decisions import Call, CallHosts, Step, Wait
from swaps.domain.loading import POLL_FIRST, POLL_SLOW
from swaps.domain.snapshot import HostView, Snapshot

UNLOAD_PATIENCE = timedelta(seconds=10)


def unload_step(s: Snapshot, version: str, views: tuple[HostView, ...]) -> Step | None:
    """None when it is unloaded everywhere, or the swap need not wait for the rest."""
    left = _left(views)
    if not left:
        return None
    if s.unload_called_at is None:
        hosts = tuple(view.host for view in left)
        return CallHosts(Call.UNLOAD, version, hosts, f"unloading {version}")
    if s.now > s.unload_called_at + UNLOAD_PATIENCE:
        return None
    # Called, and not gone: call again where the host still serves it, else look; each at
    # its interval, since a host that says "ready" to an unload would be called without end.
    fresh = s.now - POLL_FIRST
    stale = [view for view in left if view.seen_at is None or view.seen_at <= fresh]
    loaded = tuple(view.host for view in stale if view.status in {"ready", "loading"})
    if loaded:
        return CallHosts(Call.UNLOAD, version, loaded, f"unloading {version}")
    if stale:
        hosts = tuple(view.host for view in stale)
        return CallHosts(Call.LOOK, version, hosts, f"asking {', '.join(hosts)}")
    words = ", ".join(f"{v.host} ({v.reason or v.status})" for v in left)
    return Wait(f"{version} is being unloaded on {words}", s.now + POLL_SLOW / 10)


def left_to_unload(s: Snapshot, version: str, views: tuple[HostView, ...]) -> str:
    left = [view.host for view in _left(views)]
    if left:
        return f"; {version} is still to be unloaded on {', '.join(left)}, which goes on by itself"
    found = [view.host for view in views if view.left_alone and not view.unloaded]
    if found and s.restored:
        return f"; {version} stays loaded on {', '.join(found)}: it may serve since the backup"
    if found:
        return f"; {version} stays loaded on {', '.join(found)}, where it was before the swap"
    return f", {version} is unloaded"


def _left(views: tuple[HostView, ...]) -> list[HostView]:
    return [view for view in views if not view.unloaded and not view.left_alone]
