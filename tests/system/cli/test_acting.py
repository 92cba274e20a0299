"""What may be asked of a swap that is there, each command on a real one."""

from tests.system.cli.command_line import CommandLine, comes_to
from tests.system.fleet import Fleet, eventually

TWO_PAUSES = '[{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]'


def test_pause_resume_and_promote(hotswap: CommandLine, fleet: Fleet) -> None:
    new = fleet.other("iris")
    swap = hotswap("swap", "iris", new, "--strategy", TWO_PAUSES, "--json").json["id"]
    comes_to(fleet, "iris", "Transitioning")
    assert f"swap {swap}" in hotswap("pause", "iris", "--reason", "lunch").out
    assert "paused" in hotswap("status", "iris").out
    assert hotswap("resume", swap, "--json").json["paused"] is False

    def weight() -> int:
        weights: dict[str, int] = fleet.get(f"swaps/{swap}")["weights"]["requested"]
        return weights.get(new, 0)

    eventually(lambda: weight() == 20, what="the first step")
    hotswap("promote", "iris", "--json")
    eventually(lambda: weight() == 60, what="the second step")
    hotswap("promote", swap, "--full")
    done = hotswap("watch", swap)
    assert "lunch  (the-administrator, command line)" in done.out
    assert fleet.serving("iris") == new
    # What is over takes no command, and says so.
    for command in ("cancel", "roll-forward"):
        assert "not-possible-now" in hotswap(command, swap, code=4).err


def test_a_promote_that_is_typed_twice_passes_one_hold(hotswap: CommandLine, fleet: Fleet) -> None:
    new = fleet.other("iris")
    swap = hotswap(
        "swap", "iris", new, "--strategy", TWO_PAUSES, "--until", "hold", "--json", code=8
    ).lines[-1]["swap_id"]
    assert fleet.get(f"swaps/{swap}")["weights"]["applied"][new] == 20
    moved = hotswap("promote", "iris", "--step", "2", "--until", "hold", code=8)
    assert "it holds: paused until promoted" in moved.out
    assert "It stands at step 4 of 5." in moved.out
    # By then it may be past the seconds in which it names the hold before: either way it is
    # this one that stands, and whoever says which step they mean is held to it.
    late = hotswap("promote", "iris", "--step", "2", code=4)
    assert "you saw it at step 2 of 5 (wait until promoted)" in late.err
    assert "and it stands at step 4 of 5 (wait until promoted) now" in late.err
    assert "promote past step 2 of 5 (wait until promoted)" in late.err
    seen = str(fleet.get(f"swaps/{swap}")["generation"])
    hotswap("pause", "iris", "--seen", seen)
    assert "pause (the-administrator" in hotswap("resume", "iris", "--seen", seen, code=4).err
    assert fleet.get(f"swaps/{swap}")["weights"]["requested"][new] == 60
    hotswap("promote", "iris", "--full", "--wait")


def test_a_model_that_is_rolled_back_is_not_rolled_forward_by_the_same_command(
    hotswap: CommandLine, fleet: Fleet
) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    hotswap("swap", "iris", new, "--wait")
    back = hotswap("rollback", "iris", "--wait", "--json").lines[-1]["swap_id"]
    second = hotswap("rollback", "iris", code=4).err
    assert "iris is rolled back already" in second
    assert "the-administrator" in second
    assert f"hotswap rollback {back}, or --again" in second
    assert fleet.serving("iris") == old
    hotswap("rollback", "iris", "--again", "--wait")
    assert fleet.serving("iris") == new


def test_a_drain_is_extended_and_ended_by_force(hotswap: CommandLine, fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    swap = hotswap("swap", "iris", new, "--keep-warm", "10m", "--json").json["id"]
    comes_to(fleet, "iris", "OldVersionDraining")
    before = fleet.get(f"swaps/{swap}")["deadline"]
    after = hotswap("extend-drain", "iris", "--by", "5m", "--json").json["deadline"]
    assert before is None or after > before
    alone = hotswap("force-unload", "iris", code=2)
    assert "--yes-i-know-that-requests-fail" in alone.err
    operator = fleet.tokens["operator"]
    sure = ("force-unload", "iris", "--yes-i-know-that-requests-fail")
    assert "needs the role administrator" in hotswap(*sure, code=4, HOTSWAP_TOKEN=operator).err
    hotswap(*sure, "--reason", "the machine is on fire")
    assert hotswap("watch", swap, "--json").lines[-1]["swap"]["state"] == "Completed"
    entry = hotswap("audit", "--action", "force-unload", "--swap", swap, "--json").json["items"][-1]
    assert (entry["actor"], entry["source"]) == ("the-administrator", "command line")
    assert entry["reason"] == "the machine is on fire"
    assert fleet.serving("iris") != old


def test_a_completed_swap_is_taken_back_by_a_new_one(hotswap: CommandLine, fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    swap = hotswap("swap", "iris", new, "--wait", "--json").lines[-1]["swap_id"]
    back = hotswap("rollback", swap, "--wait", "--json").lines[-1]
    assert back["swap_id"] != swap
    assert back["swap"]["state"] == "Completed"
    assert fleet.serving("iris") == old


def test_a_line_that_is_held_is_released(hotswap: CommandLine, fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    first = hotswap("swap", "iris", new, "--strategy", TWO_PAUSES, "--json").json["id"]
    comes_to(fleet, "iris", "Transitioning")
    queued = hotswap("swap", "iris", new, old, "--queue", "--json").json["id"]
    assert queued in hotswap("models", "show", "iris").out
    hotswap("rollback", first, "--wait")
    assert "queue held" in hotswap("models", "show", "iris").out
    assert "the queue of iris goes on" in hotswap("queue", "release", "iris").out
    # Its source never came to serve, so it fails, in words, once its turn has come.
    ended = hotswap("watch", queued, "--json", code=1).lines[-1]["swap"]
    assert ended["state"] == "Failed"
    assert ended["error_message"]
