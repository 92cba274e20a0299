"""Following a swap: to its end, whose exit code it becomes, through streams that break."""

import re
from dataclasses import replace
from typing import Any

import pytest

from swaps.cli.following import EventQueue
from tests.unit.cli.recorded import Answer, recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import Clock, CommandLine

STREAM = recorded("swaps/completed-stream")
START, COMPLETED = recorded("swaps/start"), recorded("swaps/completed")
SWAP = START.body["id"]
TOLD = [int(one["id"]) for one in STREAM.body if one["event"] not in {"progress", "end"}]


def told(lines: list[dict[str, Any]]) -> list[int]:
    """Generations of the events that were shown, in their order."""
    return [line["generation"] for line in lines if line["event"] not in {"progress", "end"}]


def test_a_swap_is_followed_to_its_end(hotswap: CommandLine, server: Server) -> None:
    server.answers(START, STREAM, COMPLETED)
    done = hotswap("swap", "iris", "1.0", "1.1", "--wait")
    first, *lines, last = done.out.splitlines()
    assert first.startswith(f"swap {SWAP}  iris  1.0 → 1.1  NotStarted")
    assert last.startswith("Completed: 1.1 serves iris, after ")
    assert any(line.endswith("lunch  (the-administrator, API)") for line in lines)
    assert any(re.search(r"Z  Transitioning  ", line) for line in lines)


def test_for_programs_each_event_is_a_line_and_the_last_holds_the_swap(
    hotswap: CommandLine, server: Server
) -> None:
    server.answers(START, STREAM, COMPLETED)
    lines = hotswap("swap", "iris", "1.0", "1.1", "--wait", "--json").lines
    assert told(lines) == TOLD
    assert {line["swap_id"] for line in lines} == {SWAP}
    assert lines[-1] == {"event": "end", "swap_id": SWAP, "swap": COMPLETED.body}


@pytest.mark.parametrize(
    ("kind", "code", "last"),
    [
        ("completed", 0, "Completed: 1.1 serves iris, after "),
        ("failed", 1, "Failed: 1.0 serves iris, after "),
        ("rolled-back", 3, "RolledBack: 1.0 serves iris, after "),
        ("cancelled", 5, "Cancelled: "),
    ],
)
def test_the_exit_code_tells_how_it_ended(
    hotswap: CommandLine, server: Server, kind: str, code: int, last: str
) -> None:
    ended = recorded(f"swaps/{kind}")
    server.answers(ended, recorded(f"swaps/{kind}-stream"))
    done = hotswap("watch", ended.body["id"], code=code)
    assert done.out.splitlines()[-1].startswith(last)
    if kind == "failed":
        assert done.out.splitlines()[-1].endswith(ended.body["error_message"])


@pytest.mark.parametrize(
    ("command", "name", "kind"),
    [("rollback", "swaps/rollback", "rolled-back"), ("cancel", "swaps/reject", "cancelled")],
)
def test_whoever_asked_for_that_end_gets_0(
    hotswap: CommandLine, server: Server, command: str, name: str, kind: str
) -> None:
    ended, answer = recorded(f"swaps/{kind}"), recorded(name)
    swap = ended.body["id"]
    server.answers(answer.at(f"swaps/{swap}/{command}"), ended, recorded(f"swaps/{kind}-stream"))
    done = hotswap(command, swap, "--wait")
    assert done.out.splitlines()[-1].startswith(f"{ended.body['state']}: ")


@pytest.mark.parametrize("after", range(len(STREAM.body)))
def test_a_stream_that_breaks_goes_on_where_it_broke(
    hotswap: CommandLine, server: Server, clock: Clock, after: int
) -> None:
    server.answers(START, COMPLETED)
    server.cuts(STREAM, after=after)
    server.answers(STREAM)
    done = hotswap("swap", "iris", "1.0", "1.1", "--wait", "--json")
    assert told(done.lines) == TOLD, "each event once, and in order"
    assert "trying again" in done.err
    _, second = server.asked("GET", STREAM.path)
    seen = [one["id"] for one in STREAM.body[:after] if one["id"] is not None]
    assert second.headers.get("last-event-id") == (seen[-1] if seen else None)


def test_people_are_told_once_that_it_broke_and_that_it_is_back(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    server.answers(START, COMPLETED)
    for after in (2, 0, 0):
        server.cuts(STREAM, after=after)
    server.answers(STREAM)
    done = hotswap("swap", "iris", "1.0", "1.1", "--wait")
    assert done.err.count("the swap goes on, trying again") == 3
    assert done.err.count("connected again") == 3


def test_a_server_that_stays_away_is_given_up_and_the_swap_named(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    server.answers(START, recorded("swaps/transitioning"))
    server.cuts(STREAM, after=2)
    server.drops("GET", STREAM.path)
    done = hotswap("swap", "iris", "1.0", "1.1", "--wait", "--retry-for", "20", code=6)
    assert f"It was accepted before, and goes on: swap {SWAP}" in done.err
    assert f"hotswap watch {SWAP}" in done.err
    assert 20 <= clock.now < 30, "as long as it was told to"


def test_without_streams_it_is_asked_again_and_again(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    path = START.path + f"/{SWAP}"
    no_streams = recorded("refusals/404-model").at(STREAM.path).but(code="not-found")
    moving, events = recorded("swaps/transitioning"), recorded("swaps/transitioning-events")
    whole = recorded("swaps/completed-events")
    server.answers(START, no_streams, moving.at(path), COMPLETED.at(path), events, whole)
    lines = hotswap("swap", "iris", "1.0", "1.1", "--wait", "--json").lines
    assert told(lines) == [event["generation"] for event in whole.body["items"]]
    assert lines[-1]["swap"] == COMPLETED.body


def test_a_page_of_something_else_is_no_stream(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    page = Answer("GET", STREAM.path, 200, {"Content-Type": "text/html"}, "<p>Sign in</p>")
    server.answers(START, page, COMPLETED, recorded("swaps/completed-events"))
    lines = hotswap("swap", "iris", "1.0", "1.1", "--wait", "--json").lines
    assert lines[-1]["swap"]["state"] == "Completed"


def test_it_stops_where_the_swap_holds(hotswap: CommandLine, server: Server) -> None:
    holding = recorded("swaps/transitioning")
    server.answers(holding)
    server.falls_silent(STREAM, after=1)
    done = hotswap("watch", SWAP, "--until", "hold", code=8)
    last = done.out.splitlines()[-1]
    assert last.startswith(f"Transitioning: it holds: {holding.body['waiting_for']}")
    assert f"It stands at step 2 of 5. The swap goes on: hotswap watch {SWAP}" in last
    line = hotswap("watch", SWAP, "--until", "hold", "--json", code=8).lines[-1]
    assert (line["event"], line["swap"]) == ("stopped", holding.body)


def test_it_stops_where_a_second_person_is_waited_for(hotswap: CommandLine, server: Server) -> None:
    waiting = recorded("swaps/waits-for-approval")
    server.answers(waiting)
    server.falls_silent(STREAM.at(f"{waiting.path}/stream"), after=1)
    done = hotswap("watch", waiting.body["id"], "--until", "hold", code=8)
    assert done.out.splitlines()[-1].startswith("NotStarted: it holds: ")


def test_what_was_promoted_just_now_is_no_hold(hotswap: CommandLine, server: Server) -> None:
    passed = next(n for n, one in enumerate(STREAM.body) if one["event"] == "step")
    there = recorded("swaps/promote-full")  # asked for while it held at the next one
    server.answers(recorded("swaps/promote"), replace(there, method="GET", path=f"swaps/{SWAP}"))
    server.falls_silent(replace(STREAM, body=STREAM.body[passed:]), after=1)
    done = hotswap("promote", SWAP, "--step", "2", "--until", "hold", code=8)
    assert "It stands at step 4 of 5." in done.out


def test_it_stops_when_the_time_is_over_and_the_swap_goes_on(
    hotswap: CommandLine, server: Server
) -> None:
    server.answers(recorded("swaps/transitioning"))
    server.falls_silent(STREAM, after=0)
    done = hotswap("watch", SWAP, "--timeout", "1", code=9)
    assert done.out.splitlines()[-1].startswith("Transitioning: not over after 1.0 s. ")


def test_ctrl_c_ends_the_watching_alone(
    hotswap: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    server.answers(recorded("swaps/transitioning"))
    server.falls_silent(STREAM, after=1)
    monkeypatch.setattr(EventQueue, "next", pressed)
    done = hotswap("watch", SWAP, code=130)
    assert f"Stopped watching; the swap goes on. Come back: hotswap watch {SWAP}" in done.err
    assert f"Take it back: hotswap rollback {SWAP}" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--until", "noon"), "write end or hold"),
        (("--timeout", "soon"), "is no duration"),
    ],
)
def test_what_makes_no_sense_is_not_asked_for(
    hotswap: CommandLine, server: Server, words: tuple[str, ...], says: str
) -> None:
    assert says in hotswap("watch", SWAP, *words, code=2).err
    assert server.requests == []
