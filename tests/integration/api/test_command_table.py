"""The command table of the design, cell by cell, as callers of the API meet it."""

import pytest
from django.utils import timezone

from swaps.domain.states import END_STATES, SwapState
from swaps.models import AuditEntry, SwapOperation
from tests.integration.api.caller import Caller, problem_of
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import a_host, a_model, a_swap, placed
from tests.unit.domain.command_table import COLUMNS, cells

pytestmark = pytest.mark.django_db

CELLS = [
    pytest.param(command, state, COLUMNS[column][1], expected, id=f"{command}-{column}-{state}")
    for command, column, expected in cells()
    for state in COLUMNS[column][0]
]


def a_swap_in(state: SwapState, *, past_return: bool, host: RunningHost) -> SwapOperation:
    """Both versions are on a real host; traffic is where it is in that state."""
    model = a_model("iris", weights={"1.1" if state is SwapState.COMPLETED else "1.0": 100})
    alpha = a_host(url=host.url, control_token=TOKEN)
    for version in ("1.0", "1.1"):
        placed(model, version, alpha)
    return a_swap(
        model,
        state=state,
        revision=1,
        source_hosts=["alpha"],
        target_hosts=["alpha"],
        past_return_at=timezone.now() if past_return else None,
        end_time=timezone.now() if state in END_STATES else None,
    )


@pytest.mark.parametrize(("command", "state", "past_return", "expected"), CELLS)
def test_the_table(
    command: str,
    state: SwapState,
    past_return: bool,
    expected: str,
    administrator: Caller,
    bundled_host: RunningHost,
) -> None:
    swap = a_swap_in(state, past_return=past_return, host=bundled_host)
    generation = swap.generation
    answer = administrator.post(f"swaps/{swap.pk}/{command}", {})
    swap.refresh_from_db()
    [entry] = AuditEntry.objects.filter(action=command)
    if expected in {"yes", "same", "new"}:
        assert answer.status_code == 202, answer.content
        asked = answer.json()  # type: ignore[attr-defined]
        assert entry.outcome == "done"
        assert swap.generation == generation + (expected == "yes")
        assert (asked["id"] == str(swap.pk)) is (expected != "new")
        if expected == "new":
            assert (asked["from_version"], asked["to_version"]) == ("1.1", "1.0")
            assert asked["reverses"] == str(swap.pk)
        return
    problem = problem_of(answer, 409, "not-possible-now")
    assert ("roll back instead" in problem["detail"]) is (expected == "back")
    assert answer.has_header("Retry-After") is (expected == "soon")
    assert entry.outcome == "refused"
    assert (swap.state, swap.generation) == (state, generation)
