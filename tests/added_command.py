"""A command that the product does not have, added as one would be: a member, and an entry."""

from dataclasses import replace
from typing import cast

import pytest

from swaps.domain.commands import ENTRIES, Command, CommandEntry
from swaps.domain.commands.contract import Asked, Confirmed


def add_command(monkeypatch: pytest.MonkeyPatch) -> CommandEntry:
    """`hurry`, possible while a version drains; it is gone with the test."""
    command = str.__new__(Command, "hurry")
    command._name_, command._value_ = "HURRY", "hurry"
    entry = replace(
        ENTRIES[Command.EXTEND_DRAIN],
        command=command,
        least_role="administrator",
        label="Hurry up",
        title="Hurry a swap up",
        description="Give the old version less time than it had.",
        confirm=lambda s: Confirmed(
            f"Hurry {s.draining}?", "It gets less time.", "Hurry", asks={"left": "Seconds left"}
        ),
        change=lambda place, asked: {"forced_by": f"{asked.by}, {asked.given['left']} s"},
        told=lambda place, asked: f"hurry, {asked.given['left']} s are left",
        fields=(Asked("left", int, "what is left of its time", 7),),
        example={"left": 7},
    )
    monkeypatch.setitem(cast(dict[Command, CommandEntry], ENTRIES), command, entry)
    return entry
