"""Each kind of refusal has one answer, at whichever dialog or form it comes."""

import pytest

from swaps.access.roles import NotAllowed
from swaps.commands.errors import (
    HostUnreachable,
    InvalidRequest,
    NotPossibleNow,
    Stale,
    SwapRefused,
    VersionNotFound,
)
from swaps.console.shared.refusals import Refusal, refusal_of


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NotAllowed("ada may not"), Refusal("ada may not.", 403)),
        (InvalidRequest("reason", "say why"), Refusal("Say why.", 422, "reason")),
        (Stale("iris was changed", []), Refusal("iris was changed.", 409)),
        (NotPossibleNow("it is over"), Refusal("It is over.", 409)),
        (
            NotPossibleNow("it is being written", retry=True),
            Refusal("It is being written. Try again in a moment.", 409),
        ),
        (VersionNotFound("no host has it"), Refusal("No host has it.", 409)),
        (HostUnreachable("alpha does not answer"), Refusal("Alpha does not answer.", 503)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_answer_for_each_kind(error: NotAllowed | SwapRefused, answer: Refusal) -> None:
    assert refusal_of(error, "ada", "iris") == answer
