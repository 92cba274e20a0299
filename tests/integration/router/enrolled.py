"""Envoys that reach the router process over the network, as `manage.py enrolnode` sets them up."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from django.core.management import call_command

from hotswap_site.embedded.envoy import envoy_binary
from swaps.models import NodeIncarnation
from tests.integration.router.parts import eventually, free_port, is_listened_to


@dataclass
class EnrolledEnvoy:
    """One that was enrolled with this folder; started by the script that it was given."""

    folder: Path
    node_id: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def enrol(self, *routers: int, **options: Any) -> Self:
        call_command(
            "enrolnode",
            self.node_id,
            router=[("127.0.0.1", port) for port in routers],
            listen=("127.0.0.1", self.port),
            folder=self.folder,
            **options,
        )
        return self

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.folder / "start.sh"), "--concurrency", "2"],
                env={**os.environ, "ENVOY": str(envoy_binary())},
                stdout=log,
                stderr=log,
            )
        return self

    def start_with(self, change: Callable[[dict[str, Any]], None]) -> Self:
        """Not by its script, and with a bootstrap that differs from the one it was given."""
        content = json.loads((self.folder / "envoy.json").read_text())
        change(content)
        (self.folder / "changed.json").write_text(json.dumps(content))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(envoy_binary()), "--config-path", "changed.json", "--disable-hot-restart"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        return self

    @property
    def log(self) -> Path:
        return self.folder / "envoy.log"

    def output(self) -> str:
        return self.log.read_text()

    def serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"Envoy ended: {self.output()}"
        return is_listened_to(self.port)

    @property
    def row(self) -> NodeIncarnation:
        return NodeIncarnation.objects.filter(node_id=self.node_id).latest("connected_at")

    @property
    def nonce(self) -> str:
        return self.row.nonce

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            print(self.output())  # shown when the test failed

    def wait_until_it_serves(self) -> Self:
        eventually(self.serves, "the enrolled Envoy listens")
        return self
