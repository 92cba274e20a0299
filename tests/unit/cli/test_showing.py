"""Words, tables and the drawing of a swap: nothing that a server says steers the terminal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from swaps.cli.drawing import bar, draining_version, picture, server_now
from swaps.cli.options import read_seconds
from swaps.cli.output import duration, plain, short_time, show_table, weights_text
from tests.unit.cli.recorded import recorded

NOW = datetime(2026, 10, 2, 10, 0, tzinfo=UTC)


def drawn(swap: dict[str, Any], **fields: Any) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(picture(swap, **{"now": NOW} | fields))
    return captured.get()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "–"),
        ("two\n lines", "two lines"),
        ("\x1b[31mred\x07", "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"),
        ("\u202eright to left", "\N{REPLACEMENT CHARACTER}right to left"),
        (0, "0"),
    ],
)
def test_one_line_of_visible_characters(given: object, shown: str) -> None:
    assert plain(given) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (119.4, "119 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize(
    ("weights", "shown"),
    [
        (None, "–"),
        ({}, "none"),
        ({"1.0": 75, "1.1": 25, "1.2": 0}, "1.0 75 %, 1.1 25 %"),
    ],
)
def test_weights(weights: dict[str, float] | None, shown: str) -> None:
    assert weights_text(weights) == shown


def test_a_time_of_today_has_no_date() -> None:
    now = datetime.now(UTC).replace(hour=0, minute=0, second=5, microsecond=7000)
    assert short_time(now.isoformat()) == "00:00:05Z"
    assert short_time(now.isoformat(), fine=True) == "00:00:05.007Z"
    assert short_time("2026-10-02T12:00:00+02:00") == "2026-10-02 10:00:00Z"
    assert short_time(None) == "–"


def test_a_table_in_a_pipe_is_cut_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a reason " * 200
    show_table(("name", "reason"), [("\x1b[2Jiris", long)], empty="nothing")
    head, row = capsys.readouterr().out.splitlines()
    assert head == f"name{' ' * (len(plain('x[2Jiris')) - 2)}reason"
    assert row.endswith(long.strip())
    assert "\x1b" not in row


@pytest.mark.parametrize(
    ("shown", "wanted", "signs"),
    [
        (0, 0, "░" * 8),
        (25, 25, "█" * 2 + "░" * 6),
        (25, 50, "█" * 2 + "▒" * 2 + "░" * 4),
        (130, 100, "█" * 8),
    ],
)
def test_a_bar_shows_what_is_and_what_is_asked_for(shown: float, wanted: float, signs: str) -> None:
    assert bar(shown, wanted, width=8).plain == signs


def test_a_swap_in_transition_is_drawn() -> None:
    lines = drawn(recorded("swaps/transitioning").body).splitlines()
    assert lines[0].startswith("iris  1.0 → 1.1  Transitioning")
    assert "requested" in lines[1]
    assert "20 %" in next(line for line in lines if line.startswith("1.1"))
    words = [step["words"] for step in recorded("swaps/transitioning").body["steps"]]
    assert any(line.startswith(f"steps  ✓ {words[0]}  ▶ {words[1]}  · ") for line in lines)


def test_a_paused_one_says_so() -> None:
    assert "  paused  " in drawn(recorded("swaps/paused").body).splitlines()[0]


def test_a_drain_is_drawn_with_its_count_and_its_proofs() -> None:
    swap = recorded("swaps/rolling-back").body
    assert draining_version(swap) == (swap["to_version"], swap["in_flight"]["to"])
    busy = swap | {"in_flight": {"from": 0, "to": 2}}
    line = next(one for one in drawn(busy, most_draining=4).splitlines() if "drain  " in one)
    assert line.startswith(
        f"drain  {'█' * 16}{'░' * 16}  2 in flight on 1.1, proven idle on 0 of 1"
    )
    unknown = swap | {"in_flight": {"from": 0, "to": None}}
    assert "1.1: not known how many requests are in flight" in drawn(unknown)
    assert draining_version(recorded("swaps/transitioning").body) is None


def test_a_deadline_counts_down_and_is_over() -> None:
    swap = recorded("swaps/draining").body
    near = swap | {"deadline": (NOW + timedelta(seconds=7)).isoformat()}
    assert "deadline  in 7.0 s, 10:00:07 UTC" in drawn(near)
    assert "deadline  over since 5.0 s" in drawn(near, now=NOW + timedelta(seconds=12))


def test_what_is_old_says_why() -> None:
    assert "! the line is dead" in drawn(recorded("swaps/draining").body, lost="the line is dead")


def test_why_it_failed_is_drawn() -> None:
    swap = recorded("swaps/failed").body
    assert plain(swap["error_message"])[:80] in drawn(swap)


def test_the_servers_clock_may_be_another() -> None:
    swap = recorded("swaps/transitioning").body
    started = datetime.fromisoformat(swap["start_time"])
    age = timedelta(seconds=swap["timings"]["total_seconds"])
    assert server_now(swap, started + age - timedelta(hours=1)) == timedelta(hours=1)
    assert server_now(recorded("swaps/completed").body, NOW) == timedelta()
