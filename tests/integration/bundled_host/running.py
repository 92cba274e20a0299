"""A real bundled host in a process of its own, for tests of any layer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

TOKEN = "a-token-of-the-tests"
REPOSITORY_ROOT = Path(__file__).parents[3]
# A busy machine is slow, not broken: limits only end tests that would hang.
PATIENCE_SECONDS = 180.0


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`; fails by name when none comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not seen within {PATIENCE_SECONDS:g} s: {what}")


@dataclass
class RunningHost:
    process: subprocess.Popen[bytes]
    url: str
    boot_id: str
    log: Path
    ready_file: Path
    http: httpx.Client = field(repr=False)

    def control(
        self, method: str, path: str, *, fence: int | None = None, digest: str | None = None
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {TOKEN}"}
        if fence is not None:
            headers["hotswap-fence"] = str(fence)
        if digest is not None:
            headers["hotswap-expected-digest"] = digest
        return self.http.request(method, f"/v2/repository/{path}", headers=headers)

    def ask(self, verb: str, model: str, version: str, **headers: Any) -> httpx.Response:
        return self.control("POST", f"models/{model}/versions/{version}/{verb}", **headers)

    def status(self, model: str, version: str) -> dict[str, Any]:
        answer = self.control("GET", f"models/{model}/versions/{version}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def wait_for(self, state: str, model: str, version: str) -> dict[str, Any]:
        def seen() -> dict[str, Any] | None:
            status = self.status(model, version)
            return status if status["state"] == state else None

        found: dict[str, Any] = wait_until(seen, f"{model} {version} {state}")
        return found

    def load(self, model: str, version: str) -> dict[str, Any]:
        answer = self.ask("load", model, version)
        assert answer.status_code == 202, answer.text
        return self.wait_for("ready", model, version)

    def infer(self, model: str, version: str | None, body: Any) -> httpx.Response:
        where = f"/v2/models/{model}" + (f"/versions/{version}" if version else "")
        return self.http.post(f"{where}/infer", json=body)


@contextmanager
def running_host(
    repository: Path, folder: Path, *options: str, name: str = "alpha"
) -> Iterator[RunningHost]:
    """A host with everything it writes in `folder`; ended (and waited for) at exit."""
    folder.mkdir(parents=True, exist_ok=True)
    ready_file, log = folder / "ready.json", folder / "host.log"
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "swaps.bundled_host", "--name", name),
                *("--repository", str(repository), "--ready-file", str(ready_file)),
                *("--control-token-file", str(token_file), *options),
            ],
            cwd=REPOSITORY_ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:

        def up() -> bool:
            assert process.poll() is None, log.read_text()
            return ready_file.exists()

        wait_until(up, "the host's ready file")
        ready = json.loads(ready_file.read_text())
        with httpx.Client(base_url=ready["url"], timeout=PATIENCE_SECONDS, trust_env=False) as http:
            yield RunningHost(process, ready["url"], ready["boot_id"], log, ready_file, http)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
