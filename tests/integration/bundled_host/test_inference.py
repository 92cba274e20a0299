"""Real models answer over the Open Inference Protocol, and refuse in its form."""

import json
import socket
import threading
from pathlib import Path

import httpx
import pytest

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.bundled_host.pace import PROOF
from tests.exposition import promised, sample
from tests.integration.bundled_host.running import (
    PATIENCE_SECONDS,
    RunningHost,
    running_host,
    wait_until,
)

IRIS = SAMPLE_REQUESTS["iris"]
# Flower 51 of Fisher's data, a versicolor that lies nearer to the mean of virginica.
BORDERLINE = {
    "inputs": [
        {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [7.0, 3.2, 4.7, 1.4]}
    ]
}


def label(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (outputs,) = [o for o in answer.json()["outputs"] if o["name"] == "label"]
    return str(outputs["data"][0])


def test_two_versions_answer_side_by_side_each_by_its_own_weights(host: RunningHost) -> None:
    host.load("iris", "1.0")
    host.load("iris", "1.1")
    for version, expected in (("1.0", "virginica"), ("1.1", "versicolor")):
        answer = host.infer("iris", version, BORDERLINE | {"id": "a"})
        assert label(answer) == expected
        assert answer.json()["model_version"] == answer.headers["x-served-version"] == version
        assert answer.json()["id"] == "a"
        assert label(host.infer("iris", version, IRIS)) == "setosa"


def test_a_batch_is_answered_as_a_batch(host: RunningHost) -> None:
    host.load("iris", "1.1")
    rows = [5.1, 3.5, 1.4, 0.2, 7.0, 3.2, 4.7, 1.4, 6.3, 3.3, 6.0, 2.5]
    tensor = {"name": "features", "datatype": "FP32", "shape": [3, 4], "data": rows}
    wanted = {"inputs": [tensor], "outputs": [{"name": "label"}]}
    assert host.infer("iris", "1.1", wanted).json()["outputs"] == [
        {
            "name": "label",
            "datatype": "BYTES",
            "shape": [3],
            "data": ["setosa", "versicolor", "virginica"],
        }
    ]


def test_a_version_proven_quick_answers_as_before(host: RunningHost) -> None:
    """Its inferences run on the event loop by then, beside those of a version that is not."""
    host.load("iris", "1.1")
    asked = 2 * PROOF
    for number in range(asked):
        answer = host.infer("iris", "1.1", BORDERLINE | {"id": str(number)})
        assert label(answer) == "versicolor"
        assert answer.json()["id"] == str(number)
    refused = host.infer("iris", "1.1", {"inputs": []})
    assert refused.status_code == 400
    assert "features" in refused.json()["error"]
    status = host.status("iris", "1.1")
    assert (status["requests_total"], status["errors_total"]) == (asked + 1, 1)
    assert status["in_flight"] == 0
    host.load("iris", "1.0")
    assert label(host.infer("iris", "1.0", BORDERLINE)) == "virginica"
    assert host.ask("unload", "iris", "1.1").status_code == 200
    assert host.infer("iris", "1.1", IRIS).status_code == 503


def test_metadata_tell_how_to_ask(host: RunningHost) -> None:
    assert host.http.get("/v2/models/iris/versions/1.0").status_code == 503
    host.load("iris", "1.0")
    metadata = host.http.get("/v2/models/iris/versions/1.0").json()
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}]
    assert metadata["versions"] == ["1.0"]
    assert host.http.get("/v2").json()["extensions"] == ["hotswap_version_control"]
    assert host.http.get("/v2/health/ready").status_code == 200


def test_an_unversioned_request_is_never_guessed(host: RunningHost) -> None:
    assert host.infer("iris", None, IRIS).status_code == 503
    host.load("iris", "1.0")
    assert label(host.infer("iris", None, IRIS)) == "setosa"
    host.load("iris", "1.1")
    refused = host.infer("iris", None, IRIS)
    assert refused.status_code == 400
    assert "1.0, 1.1" in refused.json()["error"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("models/iris/versions/9.9/infer", 404),
        ("models/nothing/versions/1.0/infer", 404),
        ("models/nothing/infer", 404),
        ("models/iris/versions/1.1/infer", 503),
        ("models/iris/versions/..%2f..%2f/infer", 404),
        ("nonsense", 404),
    ],
)
def test_what_cannot_answer_is_refused_in_the_protocols_form(
    host: RunningHost, path: str, status: int
) -> None:
    answer = host.http.post(f"/v2/{path}", json=IRIS)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_wrong_requests_are_refused_and_harm_nobody(host: RunningHost) -> None:
    host.load("iris", "1.0")
    tensor = IRIS["inputs"][0]
    for wrong in (
        {},
        {"inputs": [tensor | {"name": "petals"}]},
        {"inputs": [tensor | {"datatype": "INT64"}]},
        {"inputs": [tensor | {"shape": [2, 2]}]},
        {"inputs": [tensor | {"data": ["a", "b", "c", "d"]}]},
    ):
        answer = host.infer("iris", "1.0", wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]
    malformed = host.http.post("/v2/models/iris/versions/1.0/infer", content=b"{]")
    assert malformed.status_code == 400
    assert label(host.infer("iris", "1.0", IRIS)) == "setosa"
    status = host.status("iris", "1.0")
    assert (status["in_flight"], status["requests_total"], status["errors_total"]) == (0, 7, 6)


def test_limits_of_size_and_count(demo_models: Path, tmp_path: Path) -> None:
    options = ("--max-body-bytes", "2000", "--max-in-flight", "1")
    with running_host(demo_models, tmp_path, *options) as host:
        host.load("iris", "1.0")
        host.load("slow", "1.0")
        path = "/v2/models/iris/versions/1.0/infer"
        declared = host.http.post(path, content=b" " * 2001)
        chunked = host.http.post(path, content=(b" " * 100 for _ in range(21)))
        assert [declared.status_code, chunked.status_code] == [413, 413]

        answers: list[httpx.Response] = []
        slow = threading.Thread(
            target=lambda: answers.append(host.infer("slow", "1.0", SAMPLE_REQUESTS["slow"]))
        )
        slow.start()
        wait_until(lambda: host.status("slow", "1.0")["in_flight"] == 1, "slow in flight")
        refused = host.infer("iris", "1.0", IRIS)
        slow.join()
        assert refused.status_code == 429
        assert answers[0].status_code == 200
        assert host.infer("iris", "1.0", IRIS).status_code == 200


def test_a_slow_inference_holds_up_no_other_version(host: RunningHost) -> None:
    host.load("iris", "1.0")
    host.load("slow", "1.0")
    slow: list[httpx.Response] = []
    threads = [
        threading.Thread(
            target=lambda: slow.append(host.infer("slow", "1.0", SAMPLE_REQUESTS["slow"]))
        )
        for _ in range(6)  # more than the threads of one version
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: host.status("slow", "1.0")["in_flight"] == 6, "six in flight")
    for _ in range(20):
        assert label(host.infer("iris", "1.0", IRIS)) == "setosa"
    assert host.status("slow", "1.0")["in_flight"] > 0
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in slow] == [200] * 6
    assert host.status("slow", "1.0")["in_flight"] == 0


def test_a_client_that_hangs_up_leaves_nothing_counted(demo_models: Path, tmp_path: Path) -> None:
    with running_host(demo_models, tmp_path, "--body-timeout-seconds", "1") as host:
        host.load("slow", "1.0")
        address = httpx.URL(host.url)
        body = json.dumps(SAMPLE_REQUESTS["slow"])

        def send(*, whole: bool) -> socket.socket:
            connection = socket.create_connection((address.host, address.port or 80))
            connection.settimeout(PATIENCE_SECONDS)
            head = (
                "POST /v2/models/slow/versions/1.0/infer HTTP/1.1\r\n"
                f"host: x\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            connection.sendall((head + (body if whole else "{")).encode())
            return connection

        def count() -> tuple[int, int]:
            status = host.status("slow", "1.0")
            return status["in_flight"], status["requests_total"]

        with send(whole=True):
            wait_until(lambda: count() == (1, 1), "the request in flight")
        assert count() == (1, 1), "its client is gone, the inference still runs: it counts"
        wait_until(lambda: count() == (0, 1), "the end of the inference")

        with send(whole=False) as patient:
            assert b" 408 " in patient.recv(4096)
        send(whole=False).close()
        wait_until(lambda: count() == (0, 3), "both half requests given up")
        answer = host.http.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        labels = {"model": "slow", "version": "1.0"}
        assert sample(answer.text, "hotswap_host_in_flight", **labels) == 0
        assert sample(answer.text, "hotswap_host_requests_total", **labels) == 3
        of_a_version = frozenset(labels)
        assert promised(answer.text) == {
            "hotswap_host_in_flight": ("gauge", "Requests now executing.", of_a_version),
            "hotswap_host_requests_total": ("counter", "Requests let in.", of_a_version),
            "hotswap_host_errors_total": ("counter", "Of these, not answered.", of_a_version),
            "hotswap_host_load_seconds": ("gauge", "How long the last load took.", of_a_version),
        }
