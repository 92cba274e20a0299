"""What people are told stays true: settings, commands, targets and places."""

import re

import pytest

from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.domain.strategies import READY_MADE
from swaps.handbook.contents import READERS
from tests.documents import PROJECT, README, TOLD

SETTINGS = "".join(
    (PROJECT / "hotswap_site" / file).read_text() for file in ("settings.py", "router_limits.py")
)


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r'"((?:HOTSWAP_\w+|DATABASE_URL|VALKEY_URL))"', SETTINGS)))
)
def test_every_setting_is_told(name: str) -> None:
    assert f"| `{name}` |" in TOLD


def test_every_setting_that_is_told_exists() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "hotswap_site").rglob("*.py"))
    for name in re.findall(r"^\| `((?:HOTSWAP_)?[A-Z_]+)` \|", TOLD, re.MULTILINE):
        assert f'"{name}"' in code, name


@pytest.mark.parametrize("word", [*Command, *SwapState, *READY_MADE])
def test_every_command_state_and_strategy_is_told(word: str) -> None:
    assert word in TOLD


def test_every_make_target_that_is_told_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^    )make ([a-z-]+)", TOLD, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_place_that_is_told_exists() -> None:
    for place in re.findall(r"`((?:swaps|hotswap_site|templates|static)/[\w/.]*)`", TOLD):
        assert (PROJECT / place).exists(), place


def test_the_readme_leads_to_every_page_of_the_handbook() -> None:
    for reader in READERS:
        for name in reader.pages:
            assert f"(swaps/handbook/{reader.folder}/{name}.md)" in README
