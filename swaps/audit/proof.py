"""What proves one entry: its signature, its seal, and that the seal stands in the chain.

For a page that shows one. Whether the chain is whole is `swaps.audit.verify`'s question.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from swaps.audit.signing import UnknownKey, digest_of, is_genuine, mac_of
from swaps.models import AuditEntry, AuditSeal, UnsealedEntry


@dataclass(frozen=True, slots=True)
class Proof:
    """`waiting`: signed, and not sealed yet. `broken`: somebody got around Hotswap."""

    state: Literal["sealed", "waiting", "broken"]
    seal: int | None  # its number in the chain
    sealed_at: datetime | None
    reason: str | None  # what is wrong


def proof_of(entry: AuditEntry) -> Proof:
    seal = AuditSeal.objects.filter(entry_id=entry.pk).first()
    wrong = _what_is_wrong(entry, seal)
    state: Literal["sealed", "waiting", "broken"] = "sealed" if seal else "waiting"
    return Proof(
        state="broken" if wrong else state,
        seal=seal.number if seal else None,
        sealed_at=seal.sealed_at if seal else None,
        reason=wrong,
    )


def _what_is_wrong(entry: AuditEntry, seal: AuditSeal | None) -> str | None:
    try:
        if not is_genuine(entry):
            return "it was put in or changed by somebody, not by Hotswap"
        if seal is None:
            waits = UnsealedEntry.objects.filter(entry_id=entry.pk).exists()
            return None if waits else "it has lost its seal, or its place in the line for one"
        if digest_of(entry) != seal.digest:
            return "it was changed after it was sealed"
        before = AuditSeal.objects.filter(number=seal.number - 1).first()
        if before is None and seal.number > 1:
            return f"the seal before its own, {seal.number - 1}, is missing"
        if mac_of(seal, before.mac if before else "") != seal.mac:
            return f"its seal, {seal.number}, or the one before it was changed or put in"
    except UnknownKey as unknown:
        return f"it was signed or sealed with {unknown}"
    return None
