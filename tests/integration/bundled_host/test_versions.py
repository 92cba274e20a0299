"""Load and unload, with the host's own clock as the witness."""

import shutil
import threading
from pathlib import Path

import httpx

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.integration.bundled_host.heavy_models import write_slow_to_load
from tests.integration.bundled_host.running import TOKEN, RunningHost, wait_until

IRIS, SLOW = SAMPLE_REQUESTS["iris"], SAMPLE_REQUESTS["slow"]


def test_control_needs_the_token_and_inference_does_not(host: RunningHost) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
        for method, path in (
            ("GET", "index"),
            ("GET", "models/iris/versions/1.0"),
            ("POST", "models/iris/versions/1.0/load"),
            ("POST", "models/iris/versions/1.0/unload"),
        ):
            refused = host.http.request(method, f"/v2/repository/{path}", headers=headers)
            assert refused.status_code == 401
            assert refused.json()["error"]
    host.load("iris", "1.0")
    assert host.infer("iris", "1.0", IRIS).status_code == 200
    assert TOKEN not in host.log.read_text()


def test_the_index_lists_what_is_on_disk_and_what_became_of_it(host: RunningHost) -> None:
    host.load("iris", "1.0")
    host.ask("load", "iris", "1.2")
    host.wait_for("failed", "iris", "1.2")
    index = host.control("GET", "index").json()
    assert index["boot_id"] == host.boot_id
    assert {(m["name"], m["version"]): m["state"] for m in index["models"]} == {
        ("iris", "1.0"): "ready",
        ("iris", "1.1"): "available",
        ("iris", "1.2"): "failed",
        ("slow", "1.0"): "available",
        ("slow", "1.1"): "available",
    }
    for one in index["models"]:
        assert one["digest"].startswith("sha256:")
        assert one["size_bytes"] > 0


def test_a_broken_file_fails_with_a_reason_and_harms_nobody(
    host: RunningHost, repository: Path
) -> None:
    host.load("iris", "1.0")
    assert host.ask("load", "iris", "1.2").status_code == 202
    failed = host.wait_for("failed", "iris", "1.2")
    assert "onnxruntime can't load the file" in failed["reason"]
    assert str(repository) not in failed["reason"]
    assert host.infer("iris", "1.2", IRIS).status_code == 503
    assert host.infer("iris", "1.0", IRIS).status_code == 200
    # Clean up, mend the file, and it loads.
    assert host.ask("unload", "iris", "1.2").json()["state"] == "available"
    shutil.copy(repository / "iris/1.1/model.onnx", repository / "iris/1.2/model.onnx")
    host.load("iris", "1.2")
    assert host.infer("iris", "1.2", IRIS).status_code == 200


def test_load_and_unload_are_idempotent(host: RunningHost) -> None:
    assert host.ask("unload", "iris", "1.0").status_code == 200
    loaded = host.load("iris", "1.0")
    assert host.ask("load", "iris", "1.0").json()["state"] == "ready"
    assert host.status("iris", "1.0")["loaded_at_ns"] == loaded["loaded_at_ns"]
    assert host.ask("unload", "iris", "1.0").json()["state"] == "available"
    assert host.ask("unload", "iris", "1.0").status_code == 200
    assert host.ask("load", "iris", "9.9").status_code == 404
    assert host.ask("unload", "iris", "9.9").status_code == 404
    assert host.ask("load", "ready", "1.0").status_code == 400


def test_an_older_intent_changes_nothing(host: RunningHost) -> None:
    assert host.ask("load", "iris", "1.0", fence=7).status_code == 202
    host.wait_for("ready", "iris", "1.0")
    stale = host.ask("unload", "iris", "1.0", fence=6)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale-fence")
    assert host.status("iris", "1.0")["state"] == "ready"
    assert host.ask("load", "iris", "1.0", fence=7).status_code == 202, "a retry is fine"
    assert host.ask("unload", "iris", "1.1", fence=1).status_code == 200, "each has its own"
    assert host.ask("unload", "iris", "1.0", fence=8).status_code == 200
    assert host.ask("load", "iris", "1.0", fence=7).status_code == 409
    assert host.status("iris", "1.0")["state"] == "available"


def test_only_the_expected_file_is_loaded(host: RunningHost, repository: Path) -> None:
    expected = host.status("iris", "1.1")["digest"]
    host.ask("load", "iris", "1.0", digest=expected)
    failed = host.wait_for("failed", "iris", "1.0")
    assert "not the expected one" in failed["reason"]
    host.ask("load", "iris", "1.1", digest=expected)
    host.wait_for("ready", "iris", "1.1")
    # A file that changes under a loaded version: what serves is what is told.
    shutil.copy(repository / "iris/1.0/model.onnx", repository / "iris/1.1/model.onnx")
    assert host.status("iris", "1.1")["digest"] == expected
    other = host.ask("load", "iris", "1.1", digest=host.status("iris", "1.0")["digest"])
    assert (other.status_code, other.json()["code"]) == (409, "digest-mismatch")


def test_an_unload_cuts_no_request_and_comes_after_the_last_answer(host: RunningHost) -> None:
    host.load("slow", "1.0")
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(host.infer("slow", "1.0", SLOW)))
    thread.start()
    wait_until(lambda: host.status("slow", "1.0")["in_flight"] == 1, "a request in flight")
    unload = host.ask("unload", "slow", "1.0")
    assert (unload.status_code, unload.json()["state"]) == (202, "unloading")
    refused = host.infer("slow", "1.0", SLOW)
    assert refused.status_code == 503
    assert "unloading" in refused.json()["error"]
    thread.join()
    assert answers[0].status_code == 200
    after = host.wait_for("available", "slow", "1.0")
    assert after["in_flight"] == 0
    assert after["last_request_started_ns"] < after["unload_began_ns"]
    assert after["last_request_ended_ns"] <= after["unloaded_at_ns"]
    assert int(answers[0].headers["x-served-at-ns"]) == after["last_request_started_ns"]


def test_an_unload_called_off_is_ready_again_at_once(host: RunningHost) -> None:
    host.load("slow", "1.0")
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(host.infer("slow", "1.0", SLOW)))
    thread.start()
    wait_until(lambda: host.status("slow", "1.0")["in_flight"] == 1, "a request in flight")
    host.ask("unload", "slow", "1.0")
    assert host.ask("load", "slow", "1.0").json()["state"] == "ready"
    thread.join()
    assert answers[0].status_code == 200
    assert host.status("slow", "1.0")["state"] == "ready"


def test_a_long_load_stalls_nobody_and_can_be_called_off(
    host: RunningHost, repository: Path
) -> None:
    write_slow_to_load(repository / "heavy/1/model.onnx")
    host.load("iris", "1.0")
    assert host.ask("load", "heavy", "1").json()["state"] == "loading"
    not_yet = host.http.get("/v2/models/heavy/versions/1/ready")
    assert not_yet.status_code == 503
    worst_ms = 0.0
    answered = 0
    while host.status("heavy", "1")["state"] == "loading":
        answer = host.infer("iris", "1.0", IRIS)
        assert answer.status_code == 200
        worst_ms = max(worst_ms, answer.elapsed.total_seconds() * 1000)
        answered += 1
    load_ms = host.wait_for("ready", "heavy", "1")["load_seconds"] * 1000
    # Had the load held the loop or the interpreter, one answer would have waited for
    # nearly all of it. (The real numbers: tests/benchmarks/bench_host_load_stall.py.)
    assert answered > 10
    assert worst_ms < load_ms / 2
    host.ask("unload", "heavy", "1")
    host.wait_for("available", "heavy", "1")
    assert host.ask("load", "heavy", "1").json()["state"] == "loading"
    assert host.ask("unload", "heavy", "1").json()["state"] == "unloading"
    host.wait_for("available", "heavy", "1")
    assert host.infer("heavy", "1", IRIS).status_code == 503
