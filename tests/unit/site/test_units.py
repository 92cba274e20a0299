"""The unit files that `make units` writes are ones that systemd takes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hotswap_site.deployment.units import PROJECT, Place, write_units


def a_place(**only: Path | str) -> Place:
    fields = {
        "directory": PROJECT,
        "home": Path("/var/lib/hotswap"),
        "environment": Path("/etc/hotswap/environment"),
        "user": "root",
        "envoy": Path("/bin/true"),
    }
    return Place(**{**fields, **only})  # type: ignore[arg-type]  # as the fields say


def test_every_process_comes_back_as_its_own_account_and_without_more_rights(
    tmp_path: Path,
) -> None:
    units = write_units(tmp_path, a_place(user="hotswap"))
    assert len(units) == 5
    for path in units:
        lines = path.read_text().splitlines()
        wanted = ("User=hotswap", "Restart=always", "NoNewPrivileges=yes", "ProtectSystem=strict")
        assert set(wanted) <= set(lines), path
        assert not re.search(r"[{}]", path.read_text()), path


def test_what_speaks_to_the_database_has_the_settings(tmp_path: Path) -> None:
    write_units(tmp_path, a_place())
    for name in ("console@", "worker@", "router"):
        text = (tmp_path / f"hotswap-{name}.service").read_text()
        assert "EnvironmentFile=/etc/hotswap/environment\n" in text, name
    # Who runs a data plane or a model host has no business with its passwords.
    for name in ("envoy", "host@"):
        text = (tmp_path / f"hotswap-{name}.service").read_text()
        assert "EnvironmentFile=/etc/hotswap/environment\n" not in text, name


def test_systemd_finds_nothing_to_say(tmp_path: Path) -> None:
    """Where systemd is; elsewhere the words of its language are compared."""
    units = write_units(tmp_path, a_place())
    words = {"Unit", "Service", "Install"}
    for path in units:
        assert set(re.findall(r"^\[(\w+)\]$", path.read_text(), re.MULTILINE)) == words
    if analyze := shutil.which("systemd-analyze"):
        # The node's folder comes from elsewhere: its program is not on this machine.
        there = [path for path in units if path.name != "hotswap-envoy.service"]
        done = subprocess.run(
            [analyze, "verify", "--man=no", *there],
            capture_output=True,
            text=True,
            check=False,
        )
        about_ours = [line for line in done.stderr.splitlines() if "hotswap" in line]
        assert about_ours == []


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ({"home": Path("/srv/hotswap")}, "is not below /var/lib"),
        ({"directory": Path("hotswap")}, "is not a plain absolute path"),
        ({"directory": Path("/opt/hot swap")}, "is not a plain absolute path"),
    ],
)
def test_a_place_that_cannot_be_is_said(tmp_path: Path, only: dict[str, Path], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write_units(tmp_path / "units", a_place(**only))
    assert not (tmp_path / "units").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hotswap_site.deployment.units", "--folder", tmp_path / "units"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "units" / "hotswap-router.service") in done.stdout
