"""What cannot be swapped to is refused, or fails, in words; traffic never notices."""

import shutil

from tests.system.fleet import Fleet


def _loaded(fleet: Fleet, model: str, version: str) -> list[str]:
    return [
        host
        for host in fleet.hosts
        if fleet.on_host(host, model, version)["state"] not in {"available", "failed"}
    ]


def test_a_version_that_is_nowhere_is_refused_at_once(fleet: Fleet) -> None:
    old = fleet.serving("iris")
    answer = fleet.api.post(
        "swaps", json={"model_name": "iris", "from_version": old, "to_version": "9.9"}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "version-not-found"
    assert "9.9" in answer.json()["detail"]
    assert fleet.serving("iris") == old


def test_a_source_that_does_not_serve_is_refused_at_once(fleet: Fleet) -> None:
    old, idle = fleet.serving("iris"), fleet.other("iris")
    answer = fleet.api.post(
        "swaps", json={"model_name": "iris", "from_version": idle, "to_version": old}
    )
    assert answer.status_code == 409
    assert answer.json()["code"] == "version-not-active"


def test_a_version_on_one_of_two_hosts_is_refused_and_names_the_host(fleet: Fleet) -> None:
    source = fleet.repositories["alpha"] / "iris" / "1.1"
    shutil.copytree(source, fleet.repositories["alpha"] / "iris" / "3.0")
    with fleet.traffic(50, "iris") as traffic:
        answer = fleet.api.post(
            "swaps",
            json={
                "model_name": "iris",
                "from_version": fleet.serving("iris"),
                "to_version": "3.0",
            },
        )
        traffic.flows_on()
        assert traffic.report()["failed"] == 0
    assert answer.status_code == 422
    assert "beta" in answer.json()["detail"]
    assert "alpha" not in answer.json()["detail"]
    assert fleet.on_host("alpha", "iris", "3.0")["state"] == "available"


def test_a_broken_file_fails_the_swap_with_the_hosts_reason(fleet: Fleet) -> None:
    old = fleet.serving("iris")
    with fleet.traffic(100, "iris") as traffic:
        swap = fleet.start_swap("iris", to_version="1.2")
        done = fleet.finished(swap["id"], "Failed")
        traffic.flows_on()
        report = traffic.report()
    assert "onnxruntime" in done["error_message"]
    assert "1.2" in done["error_message"]
    assert report["failed"] == 0, report
    assert set(report["versions"]) == {old}
    assert fleet.serving("iris") == old
    assert _loaded(fleet, "iris", "1.2") == []
