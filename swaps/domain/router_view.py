"""What the router nodes let a swap do: applied, refused, proven idle, or unknown."""

from datetime import datetime, timedelta

from swaps.domain.decisions import Wait
from swaps.domain.snapshot import Snapshot

# After an outage of ours, and after its own stream broke, a node has so long to say again what
# it does before a deadline that passed meanwhile is held against it.
CHANCE = timedelta(seconds=5)


def no_node(s: Snapshot) -> Wait | None:
    """With no live node nothing is applied and nothing is drained: unknown is not zero."""
    if s.nodes and s.routers_since is None:
        reason = "no router process runs, so nodes can neither hear nor be heard: start one"
        return Wait(reason, asks_operator=True)
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
        # A later revision may be one that it takes: of one version where this one has two.
        way_out = "turn the swap round, or end that Envoy and retire it"
        return Wait(f"{refusal}; it serves what it had: {way_out}", asks_operator=True)
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
    """A node that had its time, counted from when it could know of the revision: not before a
    router process served, and not before its own stream began.

    One not heard of since gets the benefit of an outage: it must first have the chance to
    answer.
    """
    if s.apply_deadline is None or s.routers_since is None:
        return None
    for node in s.nodes:
        if node.applied_revision >= s.revision:
            continue
        known = max(s.routers_since, node.reachable_since or s.routers_since)
        deadline = max(s.apply_deadline, known + s.apply_timeout)
        if s.now > deadline and (not node.connected or node.seen_at > deadline):
            return f"{node.name} did not apply revision {s.revision} in time"
    return None


def may_be_judged(s: Snapshot, deadline: datetime) -> bool:
    """Whether what is known of nodes that did not do their part was seen after the deadline,
    and they had a chance since the last outage: what was missing as it began says nothing.
    """
    if s.routers_since is None or s.now < s.routers_since + CHANCE:
        return False
    unproven = [node for node in s.nodes if node.connected and not node.proven]
    return all(
        node.seen_at > deadline
        and (node.reachable_since is None or s.now >= node.reachable_since + CHANCE)
        for node in unproven
    )


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


def not_warm(s: Snapshot, version: str, *, needed: int = 1, live_only: bool = False) -> Wait | None:
    """A weight on a cluster that is not warm is a 503 for somebody (envoy #13070), and one on
    fewer members than were asked for overloads them.

    `live_only`: a node that is away does not count while another is connected.
    """
    live = [node for node in s.nodes if node.connected]
    asked = live if live and live_only else s.nodes
    cold = [node for node in asked if node.healthy(version) < needed]
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
    unreached = [node.name for node in cold if not node.healthy(version)]
    if unreached:
        reason = f"{', '.join(unreached)} has no healthy connection to {version} yet"
        return Wait(reason, moment=True)
    counted = ", ".join(f"{node.name} ({node.members[version]})" for node in cold)
    return Wait(
        f"{counted} reaches fewer healthy hosts of {version} than the {needed} asked for",
        moment=True,
    )


def most_members(s: Snapshot, version: str) -> int:
    """What the live node shows that reaches most."""
    return max((node.healthy(version) for node in s.nodes), default=0)


def unreached_since(s: Snapshot, version: str) -> datetime | None:
    """Since when no live node reaches any host of a version. None: one does, or has not said.

    What a node showed before its stream broke says nothing about the time in between.
    """
    live = [node for node in s.nodes if node.connected]
    since: datetime | None = None
    for node in live:
        none_since = node.none_since.get(version)
        if none_since is None:
            return None
        since = max(none_since, node.reachable_since or none_since, since or none_since)
    return since


def unreached(s: Snapshot, version: str) -> bool:
    """For longer than it may be, and each live node was heard of after that."""
    since = unreached_since(s, version)
    if since is None:
        return False
    limit = since + s.lost_after
    return s.now > limit and all(node.seen_at >= limit for node in s.nodes if node.connected)
