"""The flips: one version out, the other in, and a claim "drained since" for each."""

import datetime as dt
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from swaps.models import Cluster, ClusterOnNode, DrainProof, DrainWatch, Route, RouteOnNode
from tests.integration.router.parts import EnvoyNode, a_cluster, commit_route, eventually
from tests.system.falsifier.witness import Claim

VERSIONS = ("1.0", "1.1")
# Every so many flips the version comes in with a cluster that was never used: its gauges are
# missing from the flushes, and missing must not be taken for zero too early.
FRESH_EVERY = 4

# When is a cluster drained? The moment of the claim, or None while there is none.
Evidence = Callable[[DrainWatch, EnvoyNode], dt.datetime | None]


def proof(watch: DrainWatch, node: EnvoyNode) -> dt.datetime | None:
    """The product's own answer."""
    return (
        DrainProof.objects.filter(watch=watch, incarnation__nonce=node.nonce)
        .values_list("proven_at", flat=True)
        .first()
    )


def bare_ack(watch: DrainWatch, node: EnvoyNode) -> dt.datetime | None:
    """What a control plane without the proof would go by."""
    return (
        RouteOnNode.objects.filter(
            route__model=watch.cluster.model,
            incarnation__nonce=node.nonce,
            revision__gte=watch.route_revision,
        )
        .values_list("acked_at", flat=True)
        .first()
    )


@dataclass
class Flips:
    """Drives one route on one node, and keeps what was claimed on the way."""

    route: Route
    node: EnvoyNode
    upstream: int
    evidence: Evidence
    make_busy: Callable[[], None]
    pause_ms: float
    claims: list[Claim] = field(default_factory=list)
    # ms from the commit to the claim, one a flip.
    took_ms: list[float] = field(default_factory=list)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def begin(self) -> None:
        for version in VERSIONS:
            self.clusters[version] = self._fresh(version)
        commit_route(self.route, {VERSIONS[0]: 100})
        eventually(
            lambda: RouteOnNode.objects.filter(
                incarnation__nonce=self.node.nonce, revision=self.route.revision
            ).exists(),
            "the first revision is applied",
        )

    def flip(self, number: int) -> None:
        old, new = VERSIONS[number % 2], VERSIONS[(number + 1) % 2]
        if number % FRESH_EVERY == FRESH_EVERY - 1:
            self.clusters[new] = self._fresh(new)
        if self.chance.random() < 0.5:
            self.make_busy()
            # Somewhere within the burst, not always at its first moment.
            time.sleep(self.chance.random() * 0.01)
        began = time.time_ns()
        self._end_claims_on(self.clusters[new], began)
        watch = commit_route(self.route, {new: 100}, drain=self.clusters[old])
        assert watch is not None
        since = eventually(
            lambda: self.evidence(watch, self.node), f"flip {number} to {new} is claimed drained"
        )
        assert since is not None
        DrainWatch.objects.filter(pk=watch.pk).update(closed_at=since)
        since_ns = int(since.timestamp() * 1_000_000) * 1000
        self.claims.append(Claim(str(self.clusters[old].pk), since_ns))
        self.took_ms.append((since_ns - began) / 1e6)
        time.sleep(self.pause_ms / 1000 * self.chance.random())

    def _end_claims_on(self, cluster: Cluster, until_ns: int) -> None:
        for at, claim in enumerate(self.claims):
            if claim.tag == str(cluster.pk) and claim.until_ns > until_ns:
                self.claims[at] = replace(claim, until_ns=until_ns)

    def _fresh(self, version: str) -> Cluster:
        cluster = a_cluster(self.route, version, self.upstream)
        eventually(
            lambda: ClusterOnNode.objects.filter(
                cluster=cluster, incarnation__nonce=self.node.nonce, healthy__gte=1
            ).exists(),
            f"{cluster.name} is warm",
        )
        return cluster
