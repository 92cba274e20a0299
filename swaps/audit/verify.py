"""Finding what was done to the audit log behind Hotswap's back, and to which entry.

One consistent look at the database, row by row: memory stays the same however long the log is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from swaps.audit.seal import Head, read_anchor
from swaps.audit.signing import UnknownKey, digest_of, is_genuine, mac_of
from swaps.models import AuditEntry, AuditSeal, UnsealedEntry

CHUNK = 2000


@dataclass
class Verification:
    entries: int = 0
    sealed: int = 0
    waiting: int = 0
    problems: int = 0
    head: Head | None = None
    anchored: bool = False  # a head from outside of the database was compared
    # The macs found at the numbers that heads name; None as long as there is no such seal.
    macs: dict[int, str | None] = field(default_factory=dict)


def verify(tell: Callable[[str], None], *, head: Head | None = None) -> Verification:
    """`tell` gets a sentence for each problem, as it is found.

    `head`: one that was kept elsewhere, compared beside the one that this machine keeps.
    """
    # Read before the database is: what it names was committed by then.
    heads = [known for known in (read_anchor(), head) if known is not None]
    verification = Verification(anchored=bool(heads), macs={one.number: None for one in heads})

    def problem(sentence: str) -> None:
        verification.problems += 1
        tell(sentence)

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for sentence in _wrong_seals(verification):
            problem(sentence)
        for sentence in _wrong_unsealed(verification):
            problem(sentence)
        for sentence in _copies():
            problem(sentence)
    for known in heads:
        if verification.macs[known.number] != known.mac:
            last = verification.head.number if verification.head else 0
            problem(
                f"seal {known.number} is not the one that was remembered: the log was cut off or "
                f"replaced there (it ends at seal {last} now)"
            )
    return verification


def _wrong_seals(verification: Verification) -> Iterator[str]:
    """The chain from its first seal to its last, and what each seals."""
    expected, before = 1, ""
    for seals in _chunks(AuditSeal.objects.order_by("number")):
        entries = AuditEntry.objects.in_bulk([seal.entry_id for seal in seals])
        for seal in seals:
            if seal.number in verification.macs:
                verification.macs[seal.number] = seal.mac
            broken = seal.number > expected
            if broken:
                yield _missing(expected, seal.number - 1)
            try:
                if not broken and mac_of(seal, before) != seal.mac:
                    yield (
                        f"seal {seal.number}, of entry {seal.entry_id}, was changed or put in, or "
                        "the seal before it was"
                    )
                yield from _wrong_entry(seal, entries.get(seal.entry_id))
            except UnknownKey as unknown:
                yield f"seal {seal.number}, of entry {seal.entry_id}, was made with {unknown}"
            expected, before = seal.number + 1, seal.mac
            verification.head = Head(seal.number, seal.mac)
            verification.sealed += 1


def _wrong_entry(seal: AuditSeal, entry: AuditEntry | None) -> Iterator[str]:
    if entry is None:
        when = "before it was sealed" if not seal.digest else f"(sealed {seal.sealed_at:%F %T} UTC)"
        yield f"entry {seal.entry_id} was removed {when}"
    elif digest_of(entry) != seal.digest:
        yield f"entry {entry.pk} was changed after it was sealed; it says now: {_describe(entry)}"
    elif not is_genuine(entry):
        yield f"entry {entry.pk} was not written by Hotswap: {_describe(entry)}"


def _wrong_unsealed(verification: Verification) -> Iterator[str]:
    """Young and late ones wait in line. What does not, or was not signed, came another way."""
    verification.entries = AuditEntry.objects.count()
    sealed = AuditSeal.objects.filter(entry_id=OuterRef("pk"))
    waits = UnsealedEntry.objects.filter(entry_id=OuterRef("pk"))
    unsealed = AuditEntry.objects.filter(~Exists(sealed)).annotate(waits=Exists(waits))
    for entry in unsealed.order_by("pk").iterator(chunk_size=CHUNK):
        verification.waiting += 1
        try:
            genuine = is_genuine(entry)
        except UnknownKey as unknown:
            yield f"entry {entry.pk} was signed with {unknown}: {_describe(entry)}"
            continue
        if not genuine:
            yield f"entry {entry.pk} was put in or changed by somebody: {_describe(entry)}"
        elif not entry.waits:
            yield f"entry {entry.pk} has lost its seal, or its place in the line for one"
    entry_exists = AuditEntry.objects.filter(pk=OuterRef("entry_id"))
    for gone in UnsealedEntry.objects.filter(~Exists(entry_exists)).order_by("entry_id"):
        yield f"entry {gone.entry_id} was removed before it was sealed"


def _copies() -> Iterator[str]:
    """A genuine entry put in once more, where somebody first dropped the index against it."""
    copied = AuditEntry.objects.order_by().values("nonce").annotate(n=Count("pk")).filter(n__gt=1)
    for nonce in copied.values_list("nonce", flat=True):
        numbers = AuditEntry.objects.filter(nonce=nonce).order_by("pk").values_list("pk", flat=True)
        yield f"entries {', '.join(map(str, numbers))} are copies of one"


def _chunks(seals: QuerySet[AuditSeal]) -> Iterator[list[AuditSeal]]:
    chunk: list[AuditSeal] = []
    for seal in seals.iterator(chunk_size=CHUNK):
        chunk.append(seal)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"seal {first} is missing, and with it the proof of its entry"
    return f"seals {first} to {last} are missing, and with them the proof of their entries"


def _describe(entry: AuditEntry) -> str:
    return f"{entry.at:%F %T} UTC {entry.actor} {entry.action} {entry.object_name} {entry.outcome}"
