"""What the routers are: processes, nodes, and what each node has applied and proven.

Only router processes write here (an operator's "retire" and the supervisor's "reaped"
aside). Acks and proofs belong to an incarnation: one run of one Envoy.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from swaps.models.routes import Cluster, Route


class RouterProcess(models.Model):
    """One running control plane process. Its lease tells the others whether it lives."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    lease_until = models.DateTimeField()
    # Since when it has held its lease without a break: before, it could tell nodes nothing.
    serves_since = models.DateTimeField(db_default=Now())
    # Of its own certificate, and of the authority's that it trusts; null: it does not listen to
    # the network.
    certificate_ends_at = models.DateTimeField(null=True, blank=True)
    authority_ends_at = models.DateTimeField(null=True, blank=True)


class NodeState(models.TextChoices):
    CONNECTED = "connected"
    # Its stream ended. It may still send traffic by its old routes, so it blocks drains.
    AWAY = "away"
    # Its supervisor saw the process end: it can send nothing any more.
    REAPED = "reaped"
    # An operator vouched that it is gone (audited).
    RETIRED = "retired"


REQUIRED_NODE_STATES = (NodeState.CONNECTED, NodeState.AWAY)


class NodeIncarnation(models.Model):
    """One process of one Envoy: its node id and the nonce it was started with."""

    node_id = models.CharField(max_length=128)
    nonce = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=NodeState, default=NodeState.CONNECTED)
    router = models.ForeignKey(RouterProcess, null=True, blank=True, on_delete=models.SET_NULL)
    # The ADS stream that may write this node's rows; a late write of an older one is void.
    stream = models.UUIDField(null=True, blank=True)
    connected_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    # Since when it has been told of revisions without a break: not as long as it has existed.
    reachable_since = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.TextField(default="", blank=True)
    # It was started with its node's lock in hand, so none of its earlier processes runs any more.
    alone = models.BooleanField(db_default=False)
    # Serial of the certificate that its stream showed; "": over the unix socket there is none.
    certificate = models.CharField(max_length=40, db_default="", blank=True)
    # Why this node refuses part of what we pushed (its last NACK of listeners, clusters
    # or scopes); "" when it accepts all.
    nack = models.TextField(default="", blank=True)

    class Meta:
        ordering: ClassVar = ["node_id", "-connected_at"]
        indexes: ClassVar = [
            # Asked for at every turn, among all that ever ran.
            models.Index(
                fields=["node_id"],
                condition=models.Q(state__in=["connected", "away"]),
                name="node_required",
            )
        ]

    def __str__(self) -> str:
        return f"{self.node_id} ({self.nonce[:8]})"


class NodeCertificate(models.Model):
    """One certificate by which a node speaks to router processes over the network.

    A node may have several while one is renewed. One that is not here, or is revoked, is
    refused, whoever signed it.
    """

    node_id = models.CharField(max_length=128)
    serial = models.CharField(max_length=40, unique=True)  # hexadecimal
    issued_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["node_id", "-issued_at"]

    def __str__(self) -> str:
        return f"{self.node_id} ({self.serial[:8]})"


class RouteOnNode(models.Model):
    """The newest revision of a route that one incarnation ACKed, and its last NACK."""

    incarnation = models.ForeignKey(NodeIncarnation, on_delete=models.CASCADE, related_name="+")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="on_nodes")
    revision = models.BigIntegerField(default=0)
    acked_at = models.DateTimeField(null=True, blank=True)
    nacked_revision = models.BigIntegerField(null=True, blank=True)
    nack_detail = models.TextField(default="", blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incarnation", "route"], name="route_once_per_node")
        ]


class ClusterOnNode(models.Model):
    """A cluster's healthy members as one incarnation's own gauges show them.

    That is what *warm* means: an ACK of the cluster says nothing of it.
    """

    incarnation = models.ForeignKey(NodeIncarnation, on_delete=models.CASCADE, related_name="+")
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="on_nodes")
    healthy = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    observed_at = models.DateTimeField(db_default=Now())
    # Since when there is no healthy one; null: there is.
    none_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incarnation", "cluster"], name="cluster_once_per_node")
        ]


class DrainWatch(models.Model):
    """A question to every node: is this cluster idle?

    With a route revision, it asks for the drain proof: idle, and no request can still
    arrive by an older revision. Without one, it asks for two idle flushes that began
    after the question, whatever the weight.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="watches")
    route_revision = models.BigIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["opened_at"], condition=models.Q(closed_at=None), name="watch_open"
            ),
            models.Index(fields=["closed_at"], name="watch_closed"),
        ]


class DrainProof(models.Model):
    """One incarnation's answer to a watch. No row means not proven, never "zero"."""

    watch = models.ForeignKey(DrainWatch, on_delete=models.CASCADE, related_name="proofs")
    incarnation = models.ForeignKey(NodeIncarnation, on_delete=models.CASCADE, related_name="+")
    stream = models.UUIDField()
    flushes = models.PositiveIntegerField()
    proven_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["watch", "incarnation"], name="proof_once_per_node")
        ]


def required_nodes() -> models.QuerySet[NodeIncarnation]:
    """Every one of these must agree before anything is applied, drained or unloaded."""
    return NodeIncarnation.objects.filter(state__in=REQUIRED_NODE_STATES).order_by("node_id", "pk")
