"""swap, swaps, status: one is begun, seen, listed."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.recorded import recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import CommandLine

START, COMPLETED = recorded("swaps/start"), recorded("swaps/completed")
SWAP = START.body["id"]


def test_a_swap_is_begun_from_what_serves(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("models/show"), START)
    done = hotswap("swap", "iris", "1.1", "--reason", "October")
    assert done.out == f"swap {SWAP}: iris 1.0 → 1.1, NotStarted\n"
    assert f"Follow it: hotswap watch {SWAP}" in done.err
    (asked,) = server.asked("POST", "swaps")
    assert json.loads(asked.body) == {
        "model_name": "iris",
        "from_version": "1.0",
        "to_version": "1.1",
        "when_busy": "reject",
        "reason": "October",
    }
    assert asked.headers["authorization"] == "Bearer hs_a_token_of_the_tests"
    assert asked.headers["user-agent"].startswith("hotswap-cli/")


def test_every_option_reaches_the_server(
    hotswap: CommandLine, server: Server, tmp_path: Path
) -> None:
    steps = [{"setWeight": 5}, {"pause": {"duration": 60}}]
    file = tmp_path / "steps.json"
    file.write_text(json.dumps(steps))
    server.answers(START)
    done = hotswap(
        *("swap", "iris", "1.0", "1.1", "--strategy", f"@{file}", "--host", "alpha"),
        *("--host", "beta", "--drain-timeout", "2m", "--load-timeout", "90", "--swap-timeout"),
        *("1d", "--on-drain-timeout", "rollback", "--keep-warm", "1h", "--min-ready-hosts", "1"),
        *("--queue", "--idempotency-key", "build-481", "--json"),
    )
    assert done.json == START.body
    (asked,) = server.asked("POST", "swaps")
    assert asked.headers["idempotency-key"] == "build-481"
    assert json.loads(asked.body) == {
        "model_name": "iris",
        "from_version": "1.0",
        "to_version": "1.1",
        "strategy": {"steps": steps},
        "target_hosts": ["alpha", "beta"],
        "drain_timeout_seconds": 120,
        "load_timeout_seconds": 90,
        "swap_timeout_seconds": 86400,
        "on_drain_timeout": "rollback",
        "keep_warm_seconds": 3600,
        "min_ready_hosts": 1,
        "when_busy": "queue",
        "reason": "",
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("canary", "canary"),
        ('[{"setWeight": 5}]', {"steps": [{"setWeight": 5}]}),
        ('{"steps": [{"setWeight": 5}], "sticky_header": "x-user"}',) * 1
        + ({"steps": [{"setWeight": 5}], "sticky_header": "x-user"},),
    ],
)
def test_a_strategy_is_a_name_or_steps(
    hotswap: CommandLine, server: Server, given: str, sent: object
) -> None:
    server.answers(START)
    hotswap("swap", "iris", "1.0", "1.1", "--strategy", given)
    (asked,) = server.asked("POST", "swaps")
    assert json.loads(asked.body)["strategy"] == sent


def test_one_that_waits_behind_another_says_so(hotswap: CommandLine, server: Server) -> None:
    queued = recorded("swaps/queued")
    server.answers(queued)
    done = hotswap("swap", "iris", "1.1", "1.0", "--queue")
    assert f"swap {queued.body['id']}: iris 1.1 → 1.0, NotStarted" in done.out


def test_what_cannot_be_begun_is_told_before_it_is_asked_for(
    hotswap: CommandLine, server: Server
) -> None:
    serving = recorded("models/show")
    server.answers(serving, recorded("models/in-transition"))
    assert "iris 1.0 serves 100 % already" in hotswap("swap", "iris", "1.0", code=4).err
    busy = hotswap("swap", "iris", "1.0", code=4).err
    assert "iris is being swapped (1.0 80 %, 1.1 20 %): see 'hotswap watch iris'" in busy
    server.answers(recorded("models/tulip"))
    nothing = hotswap("swap", "tulip", "1.0", code=4).err
    assert "nothing serves tulip" in nothing
    assert "hotswap models activate tulip 1.0" in nothing
    assert server.asked("POST", "swaps") == []


def test_swaps_are_listed(hotswap: CommandLine, server: Server) -> None:
    listed = recorded("swaps/list")
    server.answers(listed)
    done = hotswap("swaps", "--model", "iris", "--state", "Failed", "--limit", "3")
    head, first, *_ = done.out.splitlines()
    assert head.split() == ["swap", "model", "from", "to", "state", "began", "took", "by"]
    newest = listed.body["items"][0]
    assert first.split()[:5] == [
        *(newest["id"], newest["model_name"], newest["from_version"], newest["to_version"]),
        newest["state"],
    ]
    assert first.endswith(newest["requested_by"])
    (asked,) = server.asked("GET", "swaps")
    assert asked.query == {"model": ["iris"], "state": ["Failed"]}
    assert hotswap("swaps", "--limit", "2", "--json").json == {"items": listed.body["items"][:2]}


def test_a_list_is_read_page_by_page(hotswap: CommandLine, server: Server) -> None:
    items = recorded("swaps/list").body["items"]
    page = recorded("swaps/list")
    server.answers(
        page.but(items=items[:1], next="/api/v1/swaps?cursor=after-the-first"),
        page.but(items=items[1:], next=None),
    )
    assert hotswap("swaps", "--json").json == {"items": items}
    first, second = server.asked("GET", "swaps")
    assert "cursor" not in first.query
    assert second.query["cursor"] == ["after-the-first"]


def test_an_empty_list_says_how_to_begin(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("swaps/list").but(items=[], next=None))
    assert hotswap("swaps").out == "No swap yet. Begin one: hotswap swap MODEL VERSION\n"


def test_the_status_of_a_swap_that_moves(hotswap: CommandLine, server: Server) -> None:
    moving = recorded("swaps/transitioning")
    server.answers(moving, recorded("swaps/transitioning-events"))
    done = hotswap("status", SWAP)
    assert "iris  1.0 → 1.1  Transitioning" in done.out
    assert moving.body["waiting_for"] in done.out
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.startswith("1.")}
    assert "80 %  80 %" in " ".join(lines["1.0"].split()).replace("80 % 80 %", "80 %  80 %")
    assert "20 %" in lines["1.1"]
    assert "█" * 26 in lines["1.0"]
    assert "✓ 20 %" in done.out
    assert f"▶ {moving.body['steps'][1]['words']}" in done.out
    assert "October  (the-administrator, API)" in done.out
    assert hotswap("status", SWAP, "--json").json == moving.body


def test_the_status_of_a_model_is_its_open_swaps_or_its_newest(
    hotswap: CommandLine, server: Server
) -> None:
    newest = recorded("swaps/list").body["items"][0]
    model = recorded("models/show")
    found = COMPLETED.at(f"swaps/{newest['id']}")
    server.answers(recorded("swaps/list"), model.but(open_swap=None), found)
    server.answers(recorded("swaps/completed-events").at(f"{found.path}/events"))
    done = hotswap("status", "iris")
    assert "Completed: 1.1 serves iris, after " in done.out
    (asked,) = server.asked("GET", "swaps")
    assert asked.query == {"model": ["iris"], "limit": ["1"]}
    server.answers(model.but(open_swap=SWAP), recorded("swaps/transitioning"))
    server.answers(recorded("swaps/transitioning-events"))
    hotswap("status", "iris")
    assert hotswap("status", "iris", "--json").json == recorded("swaps/transitioning").body


def test_a_model_that_was_never_swapped_has_none(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("swaps/list").but(items=[], next=None), recorded("models/tulip"))
    assert "tulip was never swapped: nothing to show" in hotswap("status", "tulip", code=2).err


def test_the_overview_shows_what_serves_each_model(hotswap: CommandLine, server: Server) -> None:
    models = recorded("models/list")
    open_swap = recorded("swaps/paused").body
    iris = next(one for one in models.body["items"] if one["name"] == "iris")
    moving = models.but(items=[iris | {"open_swap": open_swap["id"]}])
    none = recorded("swaps/list").but(items=[], next=None)
    one = none.but(items=[open_swap])
    server.answers(moving, none, none, one, none, none, moving, none, none, one, none, none)
    done = hotswap("status")
    assert done.out.splitlines()[0].split() == ["model", "serves", "swap", "state", "waits", "for"]
    assert "1.0 → 1.1" in done.out
    assert open_swap["waiting_for"] in done.out
    asked = [one.query["state"][0] for one in server.asked("GET", "swaps")]
    assert len(asked) == 5
    shown = hotswap("status", "--json").json
    assert shown == {"models": moving.body["items"], "open_swaps": [open_swap]}
