"""Whether a second person agreed to what a swap will do. Pure.

A person is known by the ids of all users who may have spoken: the one that acted and, where a
token did, those who have seen that token. Two are two people only where no id is the same.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes, to the inputs that had this digest."""

    people: frozenset[int]
    digest: str


def digest_of_inputs(inputs: Mapping[str, object]) -> str:
    """SHA-256 of the inputs as JSON with sorted keys, in hexadecimal."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_second_person(people: frozenset[int], requesters: frozenset[int]) -> bool:
    """Nobody known is no second person."""
    return bool(people) and not people & requesters


def why_unapproved(
    *,
    asked_by: str,
    requesters: frozenset[int],
    digest: str,
    approvals: Iterable[Approval],
) -> str:
    """The sentence for the operator while no approval counts; "" once one does."""
    second = [one for one in approvals if is_second_person(one.people, requesters)]
    if any(one.digest == digest for one in second):
        return ""
    if second:
        return (
            "waits for approval anew: it is not what was approved any more; "
            f"asked for by {asked_by}"
        )
    return asks_approval(asked_by)


def asks_approval(asked_by: str) -> str:
    return f"waits for the approval of a second person; asked for by {asked_by}"
