"""What a newcomer is told stays true: settings, commands and targets are all in the README."""

import re
from pathlib import Path

import pytest

from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.domain.strategies import READY_MADE

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()
SETTINGS = "".join(
    (PROJECT / "hotswap_site" / file).read_text() for file in ("settings.py", "router_limits.py")
)


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r'"((?:HOTSWAP_\w+|DATABASE_URL|VALKEY_URL))"', SETTINGS)))
)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"| `{name}` |" in README


def test_every_setting_of_the_readme_exists() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "hotswap_site").rglob("*.py"))
    for name in re.findall(r"^\| `((?:HOTSWAP_)?[A-Z_]+)` \|", README, re.MULTILINE):
        assert f'"{name}"' in code, name


@pytest.mark.parametrize("word", [*Command, *SwapState, *READY_MADE])
def test_every_command_state_and_strategy_is_in_the_readme(word: str) -> None:
    assert word in README


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_place_of_the_readme_exists() -> None:
    for place in re.findall(r"`((?:swaps|hotswap_site|templates|static)/[\w/.]*)`", README):
        assert (PROJECT / place).exists(), place
