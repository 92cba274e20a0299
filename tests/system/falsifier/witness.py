"""Claims against the upstream's own log: did a request run on a cluster said to be drained?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

NEVER_AGAIN = 2**63


@dataclass(frozen=True, slots=True)
class Claim:
    """`tag` is idle from `since_ns` on, until it was given weight again at `until_ns`."""

    tag: str
    since_ns: int
    until_ns: int = NEVER_AGAIN


@dataclass(frozen=True, slots=True)
class Executed:
    """One request on the host, by the host's clock."""

    tag: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Late:
    claim: Claim
    request: Executed

    @property
    def started_after(self) -> bool:
        return self.request.start_ns > self.claim.since_ns

    def __str__(self) -> str:
        start_ms = (self.request.start_ns - self.claim.since_ns) / 1e6
        end_ms = (self.request.end_ns - self.claim.since_ns) / 1e6
        return f"on {self.claim.tag}: from {start_ms:+.3f} ms to {end_ms:+.3f} ms after the claim"


def read_log(path: Path) -> list[Executed]:
    """Also while it is written: an unfinished last line is left for the next look."""
    whole, _, _ = path.read_text().rpartition("\n")
    lines = (line.split() for line in whole.splitlines())
    return [Executed(tag, int(start), int(end)) for tag, start, end in lines]


def late_requests(claims: Iterable[Claim], requests: Sequence[Executed]) -> list[Late]:
    """Requests that began, or still ran, in the time a claim speaks of."""
    by_tag: dict[str, list[Executed]] = {}
    for request in requests:
        by_tag.setdefault(request.tag, []).append(request)
    return [
        Late(claim, request)
        for claim in claims
        for request in by_tag.get(claim.tag, ())
        if request.end_ns > claim.since_ns and request.start_ns < claim.until_ns
    ]
