"""Secrets in files: made once, the same for all, and never taken from a file that holds none."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.private_file import FEWEST_CHARACTERS, kept_secret

PROJECT = Path(__file__).resolve().parents[3]


def test_the_first_who_asks_makes_it_and_all_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret_key"
    made = kept_secret(path, "HOTSWAP_SECRET_KEY")
    assert len(made) >= FEWEST_CHARACTERS
    assert kept_secret(path, "HOTSWAP_SECRET_KEY") == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("text", ["", "\n", "x" * (FEWEST_CHARACTERS - 1)])
def test_a_file_that_holds_no_secret_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit_key"
    path.write_text(text)
    with pytest.raises(EmbeddedError, match="holds no secret") as refused:
        kept_secret(path, "HOTSWAP_AUDIT_KEY")
    assert str(path) in str(refused.value)
    assert "HOTSWAP_AUDIT_KEY" in str(refused.value)
    assert path.read_text() == text


def test_who_only_reads_the_settings_makes_no_secret(tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-c", "import hotswap_site.settings"],
        cwd=PROJECT,
        env={"HOTSWAP_HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert not home.exists()
