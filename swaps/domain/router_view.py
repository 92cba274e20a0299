"""What the router nodes let a swap do: applied, refused, proven idle, or unknown."""

from datetime import datetime

from swaps.domain.snapshot import Snapshot
from swaps.domain.steps import Wait


def no_node(s: Snapshot) -> Wait | None:
    """With no live node nothing is applied and nothing is drained: unknown is not zero."""
    if s.nodes:
        return None
    return Wait("no router node is connected: start one", asks_operator=True)


def not_applied(s: Snapshot) -> Wait | None:
    behind = [node for node in s.nodes if node.applied_revision < s.revision]
    if not behind:
        return None
    away = [node.name for node in behind if not node.connected]
    if away:
        return Wait(
            f"{', '.join(away)} is away and may still route by an older revision: "
            "bring it back or retire it",
            _ahead(s),
            asks_operator=True,
        )
    refusal = refused_by(s)
    if refusal:
        return Wait(f"{refusal}; it serves what it had", asks_operator=True)
    names = ", ".join(node.name for node in behind)
    return Wait(f"{names} has not applied revision {s.revision} yet", _ahead(s), moment=True)


def _ahead(s: Snapshot) -> datetime | None:
    """The apply deadline, while it is worth waiting for."""
    return s.apply_deadline if s.apply_deadline and s.apply_deadline > s.now else None


def refused_by(s: Snapshot) -> str | None:
    """A node that said no to the present revision: it serves what it had."""
    for node in s.nodes:
        if node.nack is not None and node.applied_revision < s.revision:
            return f"{node.name} refuses revision {s.revision}: {node.nack}"
    return None


def refused_late(s: Snapshot) -> str | None:
    """A node that had its time. One not heard of since the deadline gets the benefit of an
    outage: after ours, it must first have the chance to answer."""
    if s.apply_deadline is None:
        return None
    for node in s.nodes:
        if node.applied_revision >= s.revision or s.now <= s.apply_deadline:
            continue
        if not node.connected or node.seen_at > s.apply_deadline:
            return f"{node.name} did not apply revision {s.revision} in time"
    return None


def not_proven(s: Snapshot, version: str) -> Wait | None:
    waiting = [node for node in s.nodes if not node.proven]
    if not waiting:
        return None
    away = [node.name for node in waiting if not node.connected]
    if away:
        return Wait(
            f"{', '.join(away)} is away and may still send requests to {version}: "
            "bring it back or retire it",
            asks_operator=True,
        )
    names = ", ".join(node.name for node in waiting)
    return Wait(f"{version} is not yet idle on {names}", moment=True)


def not_warm(s: Snapshot, version: str, *, live_only: bool = False) -> Wait | None:
    """A weight on a cluster that is not warm is a 503 for somebody (envoy #13070).

    `live_only`: a node that is away does not count while another is connected.
    """
    live = [node for node in s.nodes if node.connected]
    cold = [node for node in s.nodes if version not in node.warm]
    if live and live_only:
        cold = [node for node in live if version not in node.warm]
    if not cold:
        return None
    away = [node.name for node in cold if not node.connected]
    if away:
        return Wait(
            f"{', '.join(away)} is away, and nobody knows whether it reaches {version}: "
            "bring it back or retire it",
            asks_operator=True,
        )
    refusing = [f"{node.name}: {node.cluster_nack}" for node in cold if node.cluster_nack]
    if refusing:
        return Wait(f"the router refuses {version}'s cluster: {'; '.join(refusing)}")
    names = ", ".join(node.name for node in cold)
    return Wait(f"{names} has no healthy connection to {version} yet", moment=True)
