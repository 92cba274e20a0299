"""What a protected model's swap waits for: what it froze, and who said what to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from swaps.domain.states import SwapState
from swaps.engine.inputs import digest_of, inputs_of, lacks_approval
from swaps.models import SwapOperation
from swaps.models.approvals import Verdict


@dataclass(frozen=True, slots=True)
class DecisionReading:
    """One person's word; `counts`: it was about the inputs as they are."""

    by: str
    verdict: str  # approved, rejected
    time: datetime
    reason: str
    counts: bool


@dataclass(frozen=True, slots=True)
class ApprovalReading:
    """`status`: waiting, approved, rejected, or ended where the swap is over without a word.

    `inputs_digest` is what an approval must name: it stands for `inputs`.
    """

    status: str
    asked_by: str
    inputs_digest: str
    inputs: dict[str, Any]
    decisions: list[DecisionReading]


def look_up_approvals(swaps: Iterable[SwapOperation]) -> None:
    """What was said of all of these at once, where something has to be."""
    prefetch_related_objects(
        [swap for swap in swaps if swap.needs_approval], "model", "approvals__user"
    )


def read_approval(swap: SwapOperation) -> ApprovalReading | None:
    """None where none is needed."""
    if not swap.needs_approval:
        return None
    words, digest = list(swap.approvals.all()), digest_of(swap)
    rejected = any(word.verdict == Verdict.REJECTED for word in words)
    if rejected:
        status = "rejected"
    elif not lacks_approval(swap):
        status = "approved"
    else:
        status = "waiting" if swap.state == SwapState.NOT_STARTED else "ended"
    return ApprovalReading(
        status=status,
        asked_by=swap.requested_by,
        inputs_digest=digest,
        inputs=inputs_of(swap),
        decisions=[
            DecisionReading(
                by=word.user.get_username(),
                verdict=word.verdict,
                time=word.at,
                reason=word.reason,
                counts=word.digest == digest,
            )
            for word in words
        ],
    )
