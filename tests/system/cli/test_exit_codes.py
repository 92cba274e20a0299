"""How a command ends tells a script what became of the swap: each code, on a real swap."""

import json

from tests.system.cli.command_line import CommandLine, comes_to
from tests.system.fleet import Fleet

HELD = '[{"setWeight": 20}, {"pause": {}}]'


def test_0_completed(hotswap: CommandLine, fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    done = hotswap("swap", "iris", new, "--reason", "October data", "--wait")
    first, *_, last = done.out.splitlines()
    assert f"iris  {old} → {new}" in first
    assert "October data" in done.out
    assert last.startswith(f"Completed: {new} serves iris, after ")
    assert fleet.serving("iris") == new
    # What was asked for is so already.
    assert f"iris {new} serves already" in hotswap("models", "activate", "iris", new).out


def test_1_failed(hotswap: CommandLine, fleet: Fleet) -> None:
    old = fleet.serving("iris")
    done = hotswap("swap", "iris", old, "1.2", "--wait", "--json", code=1)
    end = done.lines[-1]
    assert end["event"] == "end"
    assert end["swap"]["state"] == "Failed"
    assert "onnxruntime" in end["swap"]["error_message"]
    assert [line["to_state"] for line in done.lines if line["event"] == "transition"] == [
        "LoadingNewVersion",
        "Failed",
    ]
    assert hotswap("watch", end["swap_id"], code=1).out.splitlines()[-1].startswith("Failed: ")


def test_2_usage(hotswap: CommandLine) -> None:
    assert "No such command 'swop'" in hotswap("swop", code=2).err
    assert "Missing argument" in hotswap("swap", "iris", code=2).err
    assert "no duration" in hotswap("swap", "iris", "1.1", "--keep-warm", "soon", code=2).err
    assert "no JSON" in hotswap("swap", "iris", "1.0", "1.1", "--strategy", "{", code=2).err
    assert "cannot be read" in hotswap("models", "add", "x", "--sample-request", "/no", code=2).err
    assert "say what to change" in hotswap("hosts", "edit", "alpha", code=2).err


def test_3_rolled_back(hotswap: CommandLine, fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    waiting = hotswap.start("swap", "iris", new, "--strategy", HELD, "--wait")
    comes_to(fleet, "iris", "Transitioning")
    # Whoever asked for the roll back got what they asked for.
    back = hotswap("rollback", "iris", "--reason", "too many errors", "--wait")
    assert back.out.splitlines()[-1].startswith(f"RolledBack: {old} serves iris")
    ended = waiting.ended()
    assert ended.code == 3, ended
    assert "too many errors  (the-administrator, command line)" in ended.out
    assert fleet.serving("iris") == old


def test_4_refused(hotswap: CommandLine, fleet: Fleet) -> None:
    missing = hotswap("swap", "iris", "9.9", code=4)
    assert "9.9" in missing.err
    assert "version-not-found" in missing.err
    as_json = json.loads(hotswap("swap", "iris", "9.9", "--json", code=4).err)
    assert (as_json["exit_code"], as_json["problem"]["code"]) == (4, "version-not-found")
    serving = fleet.serving("iris")
    assert "nothing to swap" in hotswap("swap", "iris", serving, code=4).err
    assert "no model 'tulip'" in hotswap("status", "tulip", code=4).err
    viewer = fleet.tokens["viewer"]
    refused = hotswap("swap", "iris", fleet.other("iris"), code=4, HOTSWAP_TOKEN=viewer)
    assert "needs the role operator" in refused.err


def test_4_refused_while_another_swap_is_open_and_5_cancelled(
    hotswap: CommandLine, fleet: Fleet
) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    first = hotswap("swap", "iris", new, "--strategy", HELD, "--json").json
    comes_to(fleet, "iris", "Transitioning")
    busy = hotswap("swap", "iris", old, new, code=4)
    assert f"hotswap watch {first['id']}" in busy.err
    # One that stands in line is cancelled by somebody: its pipeline learns of it.
    queued = hotswap("swap", "iris", new, old, "--queue", "--json").json
    waiting = hotswap.start("watch", queued["id"])
    cancelled = hotswap("cancel", queued["id"], "--reason", "not today", "--wait")
    assert "Cancelled" in cancelled.out
    ended = waiting.ended()
    assert ended.code == 5, ended
    hotswap("rollback", first["id"], "--wait")


def test_6_unreachable(hotswap: CommandLine) -> None:
    nobody = {"HOTSWAP_URL": "http://127.0.0.1:9"}
    done = hotswap("watch", "iris", "--retry-for", "0", code=6, **nobody)
    assert "http://127.0.0.1:9 cannot be reached" in done.err


def test_7_unauthenticated(hotswap: CommandLine, stranger: CommandLine, fleet: Fleet) -> None:
    wrong = hotswap("status", code=7, HOTSWAP_TOKEN="hs_wrong")
    assert "does not take this token" in wrong.err
    assert "hs_wrong" not in wrong.err
    none = hotswap("status", code=7, HOTSWAP_TOKEN="")
    assert "set HOTSWAP_TOKEN" in none.err


def test_8_it_holds_and_9_the_time_is_over_and_the_swap_goes_on(
    hotswap: CommandLine, fleet: Fleet
) -> None:
    new = fleet.other("iris")
    held = hotswap("swap", "iris", new, "--strategy", HELD, "--until", "hold", code=8)
    assert held.out.splitlines()[-1].startswith("Transitioning: it holds: paused until promoted")
    late = hotswap("watch", "iris", "--timeout", "3", code=9)
    assert "paused until promoted." in late.out.splitlines()[-2]
    assert late.out.splitlines()[-1].startswith("Transitioning: not over after 3.0 s. ")
    stopped = hotswap("watch", "iris", "--timeout", "1", "--json", code=9).lines[-1]
    assert (stopped["event"], stopped["swap"]["state"]) == ("stopped", "Transitioning")
    assert "write end or hold" in hotswap("watch", "iris", "--until", "noon", code=2).err
    hotswap("rollback", "iris", "--wait")


def test_6_although_the_command_was_done_says_so(hotswap: CommandLine, fleet: Fleet) -> None:
    new = fleet.other("iris")
    waiting = hotswap.start("swap", "iris", new, "--strategy", HELD, "--wait", "--retry-for", "0")
    swap = comes_to(fleet, "iris", "Transitioning")
    supervisor = fleet.stack.supervisor
    starts = supervisor.starts("console")
    supervisor.kill("console")
    ended = waiting.ended()
    supervisor.wait_restarted("console", starts)
    assert ended.code == 6, ended
    assert f"It was accepted before, and goes on: swap {swap}" in ended.err
    assert f"hotswap watch {swap}" in ended.err
    fleet.command(swap, "rollback")
