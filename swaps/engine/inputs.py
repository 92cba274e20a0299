"""What a swap froze when it was asked for, and whether a second person agreed to just that."""

from typing import Any

from swaps.domain.approval import Approval, digest_of_inputs, why_unapproved
from swaps.models import SwapOperation
from swaps.models.approvals import Verdict

# Where the old version is, is no input: that is read anew when a swap's turn has come.
_INPUTS = (
    "from_version",
    "to_version",
    "strategy",
    "target_hosts",
    "digests",
    "sample_request",
    "warmup_requests",
    "min_ready_hosts",
    "load_timeout_seconds",
    "apply_timeout_seconds",
    "drain_timeout_seconds",
    "swap_timeout_seconds",
    "on_drain_timeout",
    "keep_warm_seconds",
    "reason",
    "requested_by",
)


def inputs_of(swap: SwapOperation) -> dict[str, Any]:
    """`swap` with its model."""
    return {"model_name": swap.model.name} | {name: getattr(swap, name) for name in _INPUTS}


def digest_of(swap: SwapOperation) -> str:
    """SHA-256 in hexadecimal: what an approval names."""
    return digest_of_inputs(inputs_of(swap))


def lacks_approval(swap: SwapOperation) -> str:
    """The sentence for the operator; "" where none is needed, or one counts."""
    if not swap.needs_approval:
        return ""
    return why_unapproved(
        asked_by=swap.requested_by,
        requesters=frozenset(swap.requesters),
        digest=digest_of(swap),
        approvals=[
            Approval(frozenset(one.people), one.digest)
            for one in swap.approvals.all()
            if one.verdict == Verdict.APPROVED
        ],
    )
