"""What befalls a machine rather than a process: its disk, its clock, its network, its database."""

import contextlib
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg

from hotswap_site.embedded.child import Child
from hotswap_site.embedded.paths import DATABASE, HotswapHome
from hotswap_site.embedded.ports import free_port
from hotswap_site.embedded.postgres import SUPERUSER
from hotswap_site.embedded.stack import PROJECT
from tests.system.fleet import Fleet, eventually

TROUBLE_SECONDS = 10.0
DISK_BYTES = 700 << 20
CLOCK = "+5m"
FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"

LetGo = Callable[[], None]


def _for_a_while(let_go: LetGo) -> None:
    time.sleep(1)
    let_go()
    time.sleep(TROUBLE_SECONDS - 1)


def _superuser(fleet: Fleet) -> psycopg.Connection[tuple[object, ...]]:
    sockets = HotswapHome(Path(fleet.stack.env["HOTSWAP_HOME"])).postgres_sockets
    return psycopg.connect(host=str(sockets), dbname=DATABASE, user=SUPERUSER, autocommit=True)


# -- the database --


def read_only(fleet: Fleet, let_go: LetGo) -> None:
    """As after a failover, on the standby that nobody promoted yet."""
    with _superuser(fleet) as postgres:
        postgres.execute("SET default_transaction_read_only = off")
        postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        postgres.execute("SELECT pg_reload_conf()")
        try:
            _for_a_while(let_go)
        finally:
            postgres.execute("ALTER SYSTEM RESET default_transaction_read_only")
            postgres.execute("SELECT pg_reload_conf()")


def notify_queue_full(fleet: Fleet, let_go: LetGo) -> None:
    """A foreign listener that idles in a transaction keeps every notification for itself."""
    with _superuser(fleet) as postgres:
        postgres.execute("ALTER SYSTEM SET max_notify_queue_pages = 64")
    _restart_postgres(fleet)
    try:
        with _superuser(fleet) as listener, _superuser(fleet) as sender:
            listener.execute("LISTEN somebody_elses")
            listener.execute("BEGIN")
            listener.execute("SELECT 1")
            _fill_queue(sender)
            _for_a_while(let_go)
    finally:
        with _superuser(fleet) as postgres:
            postgres.execute("ALTER SYSTEM RESET max_notify_queue_pages")


def _fill_queue(sender: psycopg.Connection[tuple[object, ...]]) -> None:
    text = "x" * 7000
    for number in range(1000):
        try:
            sender.execute("SELECT pg_notify('somebody_elses', %s)", [f"{number}{text}"])
        except psycopg.errors.ProgramLimitExceeded:
            return
    raise AssertionError("the NOTIFY queue did not fill")


def _restart_postgres(fleet: Fleet) -> None:
    supervisor = fleet.stack.supervisor
    starts = supervisor.starts("postgres")
    supervisor.kill("postgres")
    supervisor.wait_restarted("postgres", starts)


# -- the disk --


@contextlib.contextmanager
def small_disk() -> Iterator[Callable[[HotswapHome], None]]:
    """Postgres' data on a file system of its own, which can be filled."""
    mounted: list[Path] = []

    def mount(home: HotswapHome) -> None:
        disk = home.path / "disk"
        disk.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)],
            check=True,
        )
        mounted.append(disk)
        home.postgres_data.symlink_to(disk / "postgres")

    try:
        yield mount
    finally:
        for folder in mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def disk_full(fleet: Fleet, let_go: LetGo) -> None:
    data = HotswapHome(Path(fleet.stack.env["HOTSWAP_HOME"])).postgres_data
    ballast = data / "ballast"
    try:
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * (1 << 20))
        assert shutil.disk_usage(data).free < 1 << 20
        _for_a_while(let_go)
    finally:
        ballast.unlink()


# -- the clock --


def wrong_clock() -> dict[str, str]:
    """The environment of a process that lives five minutes ahead."""
    libraries = sorted(Path("/").glob(FAKETIME.lstrip("/")))
    assert libraries, "libfaketime is missing: install it (Debian: apt-get install libfaketime)"
    return {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME": CLOCK,
        # What is measured with the monotonic clock goes on as before; a wrong date does no more.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def nothing_more(fleet: Fleet, let_go: LetGo) -> None:
    """The trouble was there from the start."""
    let_go()


# -- the network --


class FarHost:
    """A model host on a machine of its own: a network namespace, whose cable can be pulled."""

    def __init__(self) -> None:
        mark = secrets.token_hex(2)
        self.namespace, self._here, self._there = f"hs-{mark}", f"hsa-{mark}", f"hsb-{mark}"
        self.address = f"10.83.{secrets.randbelow(200) + 1}"

    def __enter__(self) -> "FarHost":
        _ip("netns", "add", self.namespace)
        try:
            _ip(*("link", "add", self._here, "type", "veth", "peer", "name", self._there))
            _ip("link", "set", self._there, "netns", self.namespace)
            _ip("addr", "add", f"{self.address}.1/24", "dev", self._here)
            _ip("link", "set", self._here, "up")
            for words in (
                f"addr add {self.address}.2/24 dev {self._there}",
                f"link set {self._there} up",
                "link set lo up",
            ):
                _ip("-n", self.namespace, *words.split())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _ip("netns", "del", self.namespace)

    def join(self, fleet: Fleet) -> None:
        """Started there, registered, and serving iris beside the others."""
        repository, port, token = fleet.repositories["alpha"], free_port(), secrets.token_urlsafe()
        url = f"http://{self.address}.2:{port}"
        fleet.stack.supervisor.start(
            Child(
                name="far",
                argv=[
                    *("ip", "netns", "exec", self.namespace, sys.executable, "-m"),
                    *("swaps.bundled_host", "--name", "far", "--repository", str(repository)),
                    *("--address", f"{self.address}.2", "--port", str(port)),
                ],
                env={"HOTSWAP_HOST_TOKEN": token, "PYTHONUNBUFFERED": "1"},
                cwd=PROJECT,
                ready=lambda: _lives(url),
            )
        )
        host = {"name": "far", "kind": "bundled", "url": url, "control_token": token}

        def registered() -> bool:
            answer = fleet.api.post("hosts", json=host)
            return answer.status_code in {200, 201, 409}

        eventually(registered, what="the far host is registered")
        fleet.hosts["far"] = host

        swap = fleet.start_swap("iris", target_hosts=sorted(fleet.hosts))
        fleet.finished(swap["id"], "Completed")

    def cut(self, fleet: Fleet, let_go: LetGo) -> None:
        """At its far end, so that what is sent there vanishes without an error."""
        _ip("-n", self.namespace, "link", "set", self._there, "down")
        try:
            _for_a_while(let_go)
        finally:
            _ip("-n", self.namespace, "link", "set", self._there, "up")


def _lives(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/live", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
