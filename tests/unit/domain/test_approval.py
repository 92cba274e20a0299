"""When somebody's yes counts: another person's, to the very inputs of the swap."""

import pytest

from swaps.domain.approval import Approval, digest_of_inputs, is_second_person, why_unapproved

INPUTS = {"model_name": "iris", "to_version": "1.1", "digests": {"alpha": "sha256:1", "beta": "2"}}
DIGEST = digest_of_inputs(INPUTS)
OLGA, PETER, MARIA = 1, 2, 3


def unapproved(*approvals: Approval, requesters: frozenset[int] = frozenset({OLGA})) -> str:
    return why_unapproved(
        asked_by="olga", requesters=requesters, digest=DIGEST, approvals=approvals
    )


def yes(*people: int, digest: str = DIGEST) -> Approval:
    return Approval(frozenset(people), digest)


def test_nobody_said_anything_yet() -> None:
    assert unapproved() == "waits for the approval of a second person; asked for by olga"


def test_another_persons_yes_counts() -> None:
    assert unapproved(yes(PETER)) == ""


@pytest.mark.parametrize(
    "approval",
    [yes(OLGA), yes(PETER, OLGA), yes()],
    ids=["her own", "a token that she made for him", "nobody known"],
)
def test_it_counts_only_where_no_user_is_behind_both(approval: Approval) -> None:
    assert unapproved(approval)
    assert not unapproved(approval, yes(PETER))


def test_who_made_the_token_that_asked_is_no_second_person_either() -> None:
    by_a_token_of_peter = frozenset({OLGA, PETER})
    assert unapproved(yes(PETER), requesters=by_a_token_of_peter)
    assert not unapproved(yes(MARIA), requesters=by_a_token_of_peter)


def test_a_yes_to_other_inputs_is_asked_for_anew() -> None:
    changed = digest_of_inputs(INPUTS | {"to_version": "1.2"})
    assert unapproved(yes(PETER, digest=changed)).startswith("waits for approval anew")
    assert not unapproved(yes(PETER, digest=changed), yes(MARIA))


def test_the_digest_is_of_the_values_and_not_of_their_order() -> None:
    backwards = {"digests": {"beta": "2", "alpha": "sha256:1"}, "to_version": "1.1"}
    assert digest_of_inputs(backwards | {"model_name": "iris"}) == DIGEST
    for name in INPUTS:
        assert digest_of_inputs(INPUTS | {name: "another"}) != DIGEST


def test_whoever_asks_without_a_name_is_another_person() -> None:
    """A command of the machine's owner: there any person is the second."""
    assert is_second_person(frozenset({PETER}), frozenset())
    assert not is_second_person(frozenset(), frozenset({OLGA}))
