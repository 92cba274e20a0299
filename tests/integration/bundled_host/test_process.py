"""The host as a process: how it starts, restarts and ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.integration.bundled_host.running import (
    PATIENCE_SECONDS,
    REPOSITORY_ROOT,
    RunningHost,
    running_host,
    wait_until,
)


def test_sigterm_finishes_what_is_in_flight_and_ends_cleanly(host: RunningHost) -> None:
    host.load("slow", "1.0")
    answers: list[httpx.Response] = []
    thread = threading.Thread(
        target=lambda: answers.append(host.infer("slow", "1.0", SAMPLE_REQUESTS["slow"]))
    )
    thread.start()
    wait_until(lambda: host.status("slow", "1.0")["in_flight"] == 1, "a request in flight")
    host.process.send_signal(signal.SIGTERM)
    thread.join()
    assert answers[0].status_code == 200
    assert host.process.wait(PATIENCE_SECONDS) == 0
    assert not host.ready_file.exists()


def test_a_restarted_host_is_empty_and_says_so(demo_models: Path, tmp_path: Path) -> None:
    with running_host(demo_models, tmp_path) as first:
        first.load("iris", "1.0")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        first.ready_file.unlink()
    with running_host(demo_models, tmp_path) as second:
        assert second.boot_id != first.boot_id
        assert second.http.get("/v2").json()["boot_id"] == second.boot_id
        assert second.status("iris", "1.0")["state"] == "available"


def test_every_log_line_is_one_json_object(host: RunningHost) -> None:
    host.load("iris", "1.0")
    host.infer("iris", "1.0", {})
    lines = [json.loads(line) for line in host.log.read_text().splitlines()]
    assert {"serving", "loading", "ready"} <= {line["event"] for line in lines}


@pytest.mark.parametrize("lack", ["token", "token file", "folder", "port"])
def test_what_it_lacks_is_one_sentence_and_exit_code_1(tmp_path: Path, lack: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1] if lack == "port" else 0
        environment = {**os.environ, "HOTSWAP_HOST_TOKEN": "" if lack == "token" else "t"}
        folder = tmp_path / "missing" if lack == "folder" else tmp_path
        options = ["--control-token-file", "/nowhere/token"] if lack == "token file" else []
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "swaps.bundled_host", "--name", "alpha"),
                *("--repository", str(folder), "--port", str(port), *options),
            ],
            cwd=REPOSITORY_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("bundled host alpha: ")
