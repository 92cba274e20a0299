"""Real model hosts whose files, life and death the tests decide."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.integration.bundled_host.heavy_models import write_slow_to_load
from tests.integration.bundled_host.running import RunningHost, running_host, wait_until

LARGE_BYTES = 200_000_000_000

# Hosts outlive a test and remember the fences they saw: each test has models of its own.
_numbers: Iterator[int] = itertools.count(1)


def a_new_name(kind: str = "iris") -> str:
    return f"{kind}-{next(_numbers)}"


@dataclass
class HostOfTests:
    """A bundled host, its model files, and its process, which may end and begin again."""

    name: str
    folder: Path
    demo_models: Path
    url: str = ""
    running: RunningHost = field(init=False)
    _life: ExitStack = field(default_factory=ExitStack)

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def start(self) -> Self:
        """Again on the same port: the engine knows the host by its address."""
        self.repository.mkdir(parents=True, exist_ok=True)
        (self.folder / "ready.json").unlink(missing_ok=True)
        port = self.url.rpartition(":")[2] or "0"
        self.running = self._life.enter_context(
            running_host(self.repository, self.folder, "--port", port, name=self.name)
        )
        self.url = self.running.url
        return self

    def kill(self) -> None:
        """kill -9; what was loaded is gone with the process."""
        self.running.process.kill()
        self.running.process.wait()
        self._life.close()

    def restart_empty(self) -> None:
        self.kill()
        self.start()

    def stop_answering(self) -> None:
        self.running.process.send_signal(signal.SIGSTOP)

    def answer_again(self) -> None:
        self.running.process.send_signal(signal.SIGCONT)

    def revive(self) -> None:
        if self.running.process.poll() is None:
            self.answer_again()
        else:
            self.start()

    def close(self) -> None:
        self._life.close()

    # --- files

    def put(self, model: str, version: str, *, like: str) -> None:
        """A file of this version, the same as the demo's `like` ("iris/1.1")."""
        path = self._file(model, version)
        path.parent.mkdir(parents=True)
        os.link(self.demo_models / like / "model.onnx", path)

    def replace(self, model: str, version: str, *, like: str) -> None:
        self.take_away(model, version)
        os.link(self.demo_models / like / "model.onnx", self._file(model, version))

    def put_slow_to_load(self, model: str, version: str, *, products: int) -> None:
        write_slow_to_load(self._file(model, version), products=products)

    def put_large(self, model: str, version: str) -> None:
        """A file that takes minutes to read: a hole, made at once. End the process afterwards."""
        path = self._file(model, version)
        path.unlink()  # a link to what other tests load
        with path.open("wb") as file:
            file.truncate(LARGE_BYTES)

    def take_away_large(self) -> None:
        for path in self.repository.rglob("model.onnx"):
            if path.stat().st_size == LARGE_BYTES:
                path.unlink()

    def take_away(self, model: str, version: str) -> None:
        self._file(model, version).unlink()

    def _file(self, model: str, version: str) -> Path:
        return self.repository / model / version / "model.onnx"

    # --- what it says

    def state(self, model: str, version: str) -> str:
        return str(self.status(model, version)["state"])

    def status(self, model: str, version: str) -> dict[str, Any]:
        return self.running.status(model, version)

    def wait_for(self, state: str, model: str, version: str) -> None:
        wait_until(
            lambda: self.state(model, version) == state,
            f"{model} {version} {state} on {self.name}",
        )

    def answers(self, model: str, version: str) -> bool:
        body = SAMPLE_REQUESTS["iris"]
        answer = self.running.infer(model, version, body)
        return answer.status_code == 200 and answer.json()["model_version"] == version
