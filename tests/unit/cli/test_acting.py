"""rollback, pause, resume, promote … : what is asked of a swap, and what is said of it."""

import json
from typing import Any

import pytest

from tests.unit.cli.recorded import Answer, recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import CommandLine


def body_of(server: Server, answer: Answer) -> Any:
    return json.loads(server.asked("POST", answer.path)[-1].body)


@pytest.mark.parametrize(
    ("words", "name", "sent"),
    [
        (("pause", "--reason", "lunch"), "swaps/pause", {"reason": "lunch"}),
        (("pause", "--seen", "7"), "swaps/pause", {"reason": "", "seen": {"generation": 7}}),
        (("resume",), "swaps/resume", {"reason": ""}),
        (("extend-drain", "--by", "5m"), "swaps/extend-drain", {"reason": "", "seconds": 300}),
        (("extend-drain",), "swaps/extend-drain", {"reason": ""}),
        (("roll-forward",), "swaps/roll-forward", {"reason": ""}),
        (("cancel", "--reason", "no"), "swaps/cancel", {"reason": "no"}),
        (
            ("promote", "--step", "2"),
            "swaps/promote",
            {"reason": "", "seen": {"step_index": 1}},
        ),
        (("reject", "--reason", "not on a Friday"), "swaps/reject", {"reason": "not on a Friday"}),
    ],
)
def test_a_command_is_asked_for_and_told(
    hotswap: CommandLine, server: Server, words: tuple[str, ...], name: str, sent: object
) -> None:
    answer = recorded(name)
    server.answers(answer)
    swap = answer.body
    done = hotswap(words[0], swap["id"], *words[1:])
    assert done.out == (
        f"swap {swap['id']}: {swap['model_name']} {swap['from_version']} → "
        f"{swap['to_version']}, {swap['state']}\n"
    )
    assert body_of(server, answer) == sent
    assert ("Follow it" in done.err) is (swap["phase"] != "completed")
    assert hotswap(words[0], swap["id"], *words[1:], "--json").json == swap
    keys = {one.headers["idempotency-key"] for one in server.asked("POST", answer.path)}
    assert len(keys) == 2, "another command has a key of its own"


def test_a_promote_without_a_step_passes_the_present_one(
    hotswap: CommandLine, server: Server
) -> None:
    answer = recorded("swaps/promote-full")
    server.answers(answer, recorded("swaps/transitioning"))
    hotswap("promote", answer.body["id"], "--full")
    assert body_of(server, answer) == {"reason": "", "full": True}


def test_a_step_that_is_passed_already_is_refused(hotswap: CommandLine, server: Server) -> None:
    refusal = recorded("refusals/409-past-step")
    server.answers(refusal)
    swap = refusal.path.split("/")[1]
    done = hotswap("promote", swap, "--step", "2", code=4)
    assert "you saw it at step 2 of 5" in done.err


def test_a_swap_that_runs_is_rolled_back(hotswap: CommandLine, server: Server) -> None:
    answer = recorded("swaps/rollback")
    server.answers(answer)
    hotswap("rollback", answer.body["id"], "--reason", "too many errors")
    assert body_of(server, answer) == {"reason": "too many errors", "of_rollback": True}


def test_a_model_that_is_rolled_back_is_not_rolled_forward_by_the_same_command(
    hotswap: CommandLine, server: Server
) -> None:
    back = recorded("swaps/reverse-completed")
    newest = recorded("swaps/list").but(items=[back.body], next=None)
    server.answers(newest, recorded("models/show").but(open_swap=None), back)
    refused = hotswap("rollback", "iris", code=4)
    assert "iris is rolled back already: 1.1 → 1.0, asked for by the-administrator" in refused.err
    assert f"hotswap rollback {back.body['id']}, or --again" in refused.err
    assert not [one for one in server.requests if one.method == "POST"]
    again = recorded("swaps/rollback-of-completed").at(f"{back.path}/rollback")
    server.answers(again)
    hotswap("rollback", "iris", "--again")
    assert body_of(server, again) == {"reason": "", "of_rollback": True}


def test_a_completed_swap_is_taken_back_by_a_new_one(hotswap: CommandLine, server: Server) -> None:
    answer, stream = recorded("swaps/rollback-of-completed"), recorded("swaps/reverse-stream")
    server.answers(answer, stream, recorded("swaps/reverse-completed"))
    done = hotswap("rollback", recorded("swaps/completed").body["id"], "--wait")
    assert done.out.splitlines()[-1].startswith("Completed: 1.0 serves iris, after ")


def test_a_forced_unload_needs_a_person_or_a_word(hotswap: CommandLine, server: Server) -> None:
    draining, answer = recorded("swaps/draining"), recorded("swaps/force-unload")
    swap = draining.body["id"]
    server.answers(draining, answer)
    alone = hotswap("force-unload", swap, code=2)
    assert "this needs a person, or --yes-i-know-that-requests-fail" in alone.err
    assert server.asked("POST", answer.path) == []
    hotswap("force-unload", swap, "--yes-i-know-that-requests-fail", "--reason", "fire")
    seen = {"generation": draining.body["generation"], "state": "OldVersionDraining"}
    assert body_of(server, answer) == {"reason": "fire", "seen": seen}


def test_whoever_may_not_force_it_is_told_the_role(hotswap: CommandLine, server: Server) -> None:
    refusal = recorded("refusals/403-force-unload")
    server.answers(recorded("swaps/draining"), refusal)
    swap = refusal.path.split("/")[1]
    sure = ("force-unload", swap, "--yes-i-know-that-requests-fail")
    assert "needs the role administrator" in hotswap(*sure, code=4).err


def test_a_line_that_is_held_is_released(hotswap: CommandLine, server: Server) -> None:
    answer = recorded("models/queue-release")
    server.answers(answer)
    waiting = len(answer.body["queue"])
    done = hotswap("queue", "release", "iris", "--reason", "go on")
    assert done.out == f"the queue of iris goes on; in line: {waiting}\n"
    assert body_of(server, answer) == {"reason": "go on"}
    assert hotswap("queue", "release", "iris", "--json").json == answer.body


def test_a_second_person_sees_the_inputs_and_says_yes_by_their_digest(
    hotswap: CommandLine, server: Server
) -> None:
    waiting, answer = recorded("swaps/waits-for-approval"), recorded("swaps/approve")
    swap, digest = waiting.body["id"], waiting.body["approval"]["inputs_digest"]
    server.answers(waiting, answer)
    shown = hotswap("approve", swap, code=2)
    assert f"repeat with --digest {digest}" in shown.err
    assert "the-administrator" in shown.out
    assert digest in shown.out
    assert server.asked("POST", answer.path) == []
    hotswap("approve", swap, "--digest", digest, "--reason", "looked at it")
    assert body_of(server, answer) == {"inputs_digest": digest, "reason": "looked at it"}
    server.answers(recorded("refusals/412-stale-approval"))
    assert "stale" in hotswap("approve", swap, "--digest", "0" * 64, code=4).err


def test_what_needs_no_approval_says_so(hotswap: CommandLine, server: Server) -> None:
    moving = recorded("swaps/transitioning")
    server.answers(moving)
    assert "needs no approval" in hotswap("approve", moving.body["id"], code=2).err


def test_what_is_over_takes_no_command(hotswap: CommandLine, server: Server) -> None:
    refusal = recorded("refusals/409-over")
    server.answers(refusal)
    done = hotswap("cancel", refusal.path.split("/")[1], code=4)
    assert "409 not-possible-now" in done.err
