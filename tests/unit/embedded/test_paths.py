"""Where things live, as a function of the home alone."""

import os
from pathlib import Path

import pytest

from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import (
    SOCKET_PATH_BYTES,
    HotswapHome,
    default_database_url,
    default_owner_database_url,
    default_valkey_url,
)


def test_sockets_lie_below_a_home_with_a_short_path() -> None:
    home = HotswapHome(Path("/srv/hotswap"))
    assert home.run == Path("/srv/hotswap/run")
    assert default_database_url(home) == (
        "postgresql://hotswap@/hotswap?host=%2Fsrv%2Fhotswap%2Frun%2Fpostgres"
    )
    assert default_owner_database_url(home).startswith("postgresql://hotswap_owner@/hotswap?")
    assert default_valkey_url(home) == "unix:///srv/hotswap/run/valkey.sock"


@pytest.mark.parametrize("length", [1, 40, 60, 61, 70, 100, 200])
def test_no_socket_path_is_longer_than_the_kernel_takes(length: int) -> None:
    home = HotswapHome(Path("/") / ("é" * length))
    for path in (home.socket("n" * 35), home.postgres_sockets / ".s.PGSQL.5432"):
        assert len(os.fsencode(path)) <= SOCKET_PATH_BYTES


def test_two_long_homes_do_not_share_sockets() -> None:
    assert HotswapHome(Path("/" + "a" * 200)).run != HotswapHome(Path("/" + "b" * 200)).run


def test_the_same_home_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert HotswapHome(Path("home/../home")) == HotswapHome(tmp_path / "home")


def test_a_short_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    home = HotswapHome(tmp_path / ("long" * 20))
    home.run.mkdir()
    try:
        home.run.chmod(0o777)
        with pytest.raises(EmbeddedError, match="was made by somebody else"):
            home.create()
    finally:
        home.run.rmdir()
