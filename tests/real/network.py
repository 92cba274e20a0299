"""Machines made of network namespaces: one bridge between them, and no way out."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NETWORK = "10.97.0"
CONTROL = f"{NETWORK}.1"


@dataclass(frozen=True)
class Machine:
    name: str  # of its namespace
    address: str

    def argv(self, *argv: str) -> list[str]:
        """Runs there: `ip` becomes the program, so it is the process that a signal reaches."""
        return ["ip", "netns", "exec", self.name, *argv]


@contextmanager
def machines(*names: str) -> Iterator[dict[str, Machine]]:
    """Each with an address of its own. The calling thread, and what it starts, is on `control`."""
    mark = f"hs{os.getpid()}"
    control = f"{mark}-control"
    made = {name: Machine(f"{mark}-{name}", f"{NETWORK}.{n}") for n, name in enumerate(names, 11)}
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        _ip("netns", "add", control)
        _in(control, "link", "set", "lo", "up")
        _in(control, "link", "add", "bridge", "type", "bridge")
        _in(control, "address", "add", f"{CONTROL}/24", "dev", "bridge")
        _in(control, "link", "set", "bridge", "up")
        for name, machine in made.items():
            _ip("netns", "add", machine.name)
            _in(machine.name, "link", "set", "lo", "up")
            _in(control, "link", "add", name, "type", "veth", "peer", "eth0", "netns", machine.name)
            _in(control, "link", "set", name, "master", "bridge", "up")
            _in(machine.name, "address", "add", f"{machine.address}/24", "dev", "eth0")
            _in(machine.name, "link", "set", "eth0", "up")
        with Path(f"/run/netns/{control}").open() as namespace:
            os.setns(namespace.fileno(), os.CLONE_NEWNET)
        yield made
    finally:
        os.setns(before, os.CLONE_NEWNET)
        os.close(before)
        for name in (control, *(machine.name for machine in made.values())):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _in(namespace: str, *arguments: str) -> None:
    _ip("-netns", namespace, *arguments)
