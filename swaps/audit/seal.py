"""Sealing: chaining the committed entries, so that none can be removed or put in later.

Entries commit in another order than their numbers say. Each waits in a line that its own
transaction put it in, and is sealed in the order in which it is seen there: a late one simply
comes later. Nobody who writes an entry waits for this.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from swaps.audit.signing import digest_of, key_id_of, mac_of
from swaps.models import AuditEntry, AuditSeal, UnsealedEntry

log = structlog.get_logger("swaps.audit")

BATCH = 1000
_LOCK = 0x5EA1_10C5  # any number that no other advisory lock of ours has


class ChainCut(Exception):
    """A seal that this machine made is not in the database any more."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal, as it is remembered outside of the database."""

    number: int
    mac: str

    def __str__(self) -> str:
        return f"{self.number}:{self.mac}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Of NUMBER:MAC. Raises ValueError."""
        number, _, mac = text.partition(":")
        if not number.isdecimal() or len(mac) != 64 or set(mac) - set("0123456789abcdef"):
            raise ValueError(f"{text!r} is not a head: a number, a colon, 64 hexadecimal digits")
        return cls(int(number), mac)


def seal_batch() -> bool:
    """Seal what waits, at most one batch; whether more may be waiting. Raises ChainCut.

    One sealer at a time: another one that runs just now makes this one do nothing.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                return False
        waiting = list(
            UnsealedEntry.objects.order_by("entry_id").values_list("entry_id", flat=True)[:BATCH]
        )
        if not waiting:
            return False
        last = AuditSeal.objects.order_by("-number").first()
        check_anchor()
        seals = _chain(last, waiting)
        AuditSeal.objects.bulk_create(seals)
        UnsealedEntry.objects.filter(entry_id__in=waiting).delete()
    head = Head(seals[-1].number, seals[-1].mac)
    _remember(head)
    # Where logs are collected elsewhere this is an anchor out of everybody's reach here.
    log.info("audit sealed", entries=len(seals), head=str(head))
    return len(waiting) == BATCH


def seal_all() -> None:
    """To be called now and then. An end that was cut off is an error in the log, and no more:
    swaps go on.
    """
    try:
        while seal_batch():
            pass
    except ChainCut as problem:
        log.error("audit log not sealed", reason=str(problem))


def _chain(last: AuditSeal | None, waiting: list[int]) -> list[AuditSeal]:
    entries = AuditEntry.objects.in_bulk(waiting)
    number, before = (last.number, last.mac) if last else (0, "")
    now = timezone.now()
    seals = []
    for entry_id in waiting:
        number += 1
        entry = entries.get(entry_id)
        seal = AuditSeal(
            number=number,
            entry_id=entry_id,
            # It was removed while it waited: the seal says so for good.
            digest=digest_of(entry) if entry else "",
            sealed_at=now,
            key_id=key_id_of(settings.AUDIT_KEY),
        )
        seal.mac = before = mac_of(seal, before)
        seals.append(seal)
    return seals


# -- the anchor: the head, kept outside of the database --


def read_anchor() -> Head | None:
    """What this machine last sealed; None when it never did."""
    try:
        kept = json.loads(settings.AUDIT_HEAD.read_text())
        return Head.parse(f"{kept['number']}:{kept['mac']}")
    except FileNotFoundError:
        return None


def check_anchor() -> None:
    """Raises ChainCut. Then nothing more is sealed: the next seal would bury the evidence."""
    anchor = read_anchor()
    if anchor is None or AuditSeal.objects.filter(number=anchor.number, mac=anchor.mac).exists():
        return
    raise ChainCut(
        f"seal {anchor.number}, which this machine made, is gone or another one: the audit log's "
        f"end was cut off or replaced. Run manage.py verify_audit. If a backup was restored, move "
        f"{settings.AUDIT_HEAD} away, and keep it"
    )


def _remember(head: Head) -> None:
    """Whole or not at all, also when two workers of this machine do it at the same time."""
    place: Path = settings.AUDIT_HEAD
    with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=place.name, delete=False) as new:
        json.dump({"number": head.number, "mac": head.mac}, new)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).replace(place)
