"""The rows. Postgres holds what should be, and what was last seen."""

from swaps.models.approvals import SwapApproval, UnprotectRequest
from swaps.models.audit_entries import AuditEntry, AuditSeal, RefusalFlood, UnsealedEntry
from swaps.models.hosts import ModelHost, Placement
from swaps.models.kept_answers import KeptAnswer
from swaps.models.nodes import (
    ClusterOnNode,
    DrainProof,
    DrainWatch,
    NodeCertificate,
    NodeIncarnation,
    RouteOnNode,
    RouterProcess,
)
from swaps.models.processes import PeriodicDuty, ProcessHeartbeat, ProcessKind
from swaps.models.routes import Cluster, Route
from swaps.models.served_models import ServedModel
from swaps.models.strategies import NamedStrategy
from swaps.models.swap_operations import SwapEvent, SwapOperation
from swaps.models.tokens import ApiToken
from swaps.models.traffic_samples import TrafficSample

__all__ = [
    "ApiToken",
    "AuditEntry",
    "AuditSeal",
    "Cluster",
    "ClusterOnNode",
    "DrainProof",
    "DrainWatch",
    "KeptAnswer",
    "ModelHost",
    "NamedStrategy",
    "NodeCertificate",
    "NodeIncarnation",
    "PeriodicDuty",
    "Placement",
    "ProcessHeartbeat",
    "ProcessKind",
    "RefusalFlood",
    "Route",
    "RouteOnNode",
    "RouterProcess",
    "ServedModel",
    "SwapApproval",
    "SwapEvent",
    "SwapOperation",
    "TrafficSample",
    "UnprotectRequest",
    "UnsealedEntry",
]
