"""The main job on real parts: swaps under live traffic, and not one request lost."""

import threading
import time
from datetime import datetime
from typing import Any

from tests.system.fleet import Fleet

RATE = 300


def _proven_ns(events: list[dict[str, object]]) -> int:
    """The instant from which the old version may be unloaded; the proof is earlier still."""
    for event in events:
        data = event["data"]
        if isinstance(data, dict) and data.get("point_of_no_return"):
            return int(datetime.fromisoformat(str(event["time"])).timestamp() * 1e9)
    raise AssertionError(f"no point of no return in {events}")


def test_twenty_swaps_there_and_back_lose_no_request(fleet: Fleet) -> None:
    with fleet.traffic(RATE, "iris") as traffic:
        for _ in range(20):
            old = fleet.serving("iris")
            swap = fleet.start_swap("iris")
            done = fleet.finished(swap["id"], "Completed")
            proven = _proven_ns(fleet.events(swap["id"]))
            traffic.flows_on()
            assert old not in traffic.report(after_ns=proven, model="iris")["served_after"]
            _assert_unloaded_after_its_last_answer(fleet, "iris", old, proven)
            assert done["weights"]["applied"] == {done["to_version"]: 100}
        report = traffic.report()
    assert report["failed"] == 0, report
    assert report["sent"] > 1000


def _assert_unloaded_after_its_last_answer(
    fleet: Fleet, model: str, version: str, proven_ns: int
) -> None:
    for host in fleet.hosts:
        seen = fleet.on_host(host, model, version)
        assert seen["state"] == "available", seen
        # The host's own clock is the witness.
        assert seen["last_request_ended_ns"] <= proven_ns <= seen["unload_began_ns"], seen


def test_calls_that_run_for_seconds_survive_the_switch_of_their_version(fleet: Fleet) -> None:
    old = fleet.serving("slow")
    answers: list[tuple[int, str]] = []

    def call() -> None:
        answer = fleet.infer("slow", timeout=120)
        answers.append((answer.status_code, answer.headers.get("x-model-version", "")))

    swap = fleet.start_swap("slow", drain_timeout_seconds=300)
    callers: list[threading.Thread] = []

    def in_flight() -> int:
        return sum(fleet.on_host(host, "slow", old)["in_flight"] for host in fleet.hosts)

    # Keep calls running until the switch: some are in flight at that very moment.
    while fleet.get(f"swaps/{swap['id']}")["state"] in {"NotStarted", "LoadingNewVersion"}:
        if in_flight() < 2:
            callers.append(threading.Thread(target=call))
            callers[-1].start()
        time.sleep(0.1)
    done = fleet.finished(swap["id"], "Completed")
    for caller in callers:
        caller.join(timeout=120)
    proven = _proven_ns(fleet.events(swap["id"]))
    assert len(answers) == len(callers) > 0
    assert {status for status, _ in answers} == {200}, answers
    assert old in {version for _, version in answers}
    _assert_unloaded_after_its_last_answer(fleet, "slow", old, proven)
    assert fleet.serving("slow") == done["to_version"]


def test_both_versions_answer_during_the_transition(fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    with fleet.traffic(RATE, "iris") as traffic:
        swap = fleet.start_swap("iris", strategy={"steps": [{"setWeight": 50}, {"pause": {}}]})
        fleet.reaches(swap["id"], "Transitioning")
        since = time.time_ns()
        traffic.flows_on(600)
        assert set(traffic.report(after_ns=since)["served_after"]) == {old, new}
        for version in (old, new):
            assert fleet.get(f"models/iris/versions/{version}")["active"] is True
        assert fleet.command(swap["id"], "promote").status_code == 202
        fleet.finished(swap["id"], "Completed")
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report
    _assert_weights_were_recorded(fleet.events(swap["id"]), old, new)


def _assert_weights_were_recorded(events: list[dict[str, Any]], old: str, new: str) -> None:
    """Requested, applied on every node, and as the answers really fell."""
    requested = [event["data"]["weights"] for event in events if "weights" in event["data"]]
    assert requested == [{old: 50, new: 50}, {new: 100}]
    applied = [event["data"]["applied"] for event in events if "applied" in event["data"]]
    assert applied == sorted(applied)
    assert len(applied) >= 2
    observed = [event["data"]["observed"] for event in events if event["data"].get("observed")]
    assert observed, events
    assert 20 < observed[0][new] < 80
