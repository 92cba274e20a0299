"""A protected model: a second person says yes or no, and a pipeline waits for it."""

from collections.abc import Iterator

import pytest

from tests.system.cli.command_line import CommandLine
from tests.system.fleet import Fleet


@pytest.fixture
def protected(hotswap: CommandLine, fleet: Fleet) -> Iterator[None]:
    assert "waits for a second person" in hotswap("models", "protect", "iris").out
    yield
    other = fleet.tokens["second"]
    asked = hotswap("models", "unprotect", "iris", "--reason", "over")
    assert "a second administrator has to agree" in asked.out
    agreed = hotswap("models", "unprotect", "iris", "--json", HOTSWAP_TOKEN=other).json
    assert agreed["protected"] is False


@pytest.mark.usefixtures("protected")
def test_a_second_person_approves_or_rejects(hotswap: CommandLine, fleet: Fleet) -> None:
    new, second = fleet.other("iris"), {"HOTSWAP_TOKEN": fleet.tokens["operator"]}
    refused = hotswap("swap", "iris", new, "--json").json["id"]
    no = hotswap("reject", refused, "--reason", "not on a Friday", **second)
    assert "Cancelled" in no.out
    assert "not on a Friday" in hotswap("watch", refused, code=5).out

    waiting = hotswap.start("swap", "iris", new, "--wait", "--json")
    out = waiting.process.stdout
    assert out is not None
    out.readline()
    # Without a terminal nobody is asked: the digest says what was looked at.
    shown = hotswap("approve", "iris", code=2, **second)
    digest = shown.err.split()[-1]
    assert digest in shown.out
    assert "the-administrator" in shown.out
    assert hotswap("approve", "iris", "--digest", digest, code=4).err  # one's own
    assert "stale" in hotswap("approve", "iris", "--digest", "0" * 64, code=4, **second).err
    hotswap("approve", "iris", "--digest", digest, "--reason", "looked at it", **second)
    ended = waiting.ended()
    assert ended.code == 0, ended
    assert "looked at it" in ended.out
