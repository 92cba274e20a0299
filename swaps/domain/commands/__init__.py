"""What people may ask of a swap: one entry a command, which `contract` describes.

Another command is a member of Command, and an entry in the file that it belongs to. Roles, API,
console, admin and engine read it here; the command line, which knows nothing of the server, and
the handbook are held to it by a test.
"""

from collections.abc import Mapping

from swaps.domain.commands import direction, drain, pace
from swaps.domain.commands.contract import (
    Accepted,
    Command,
    CommandCheck,
    CommandDetails,
    CommandEntry,
    Given,
    NewSwap,
    NotPossible,
    Place,
)

# In the order of their buttons: what is dangerous stands on the right.
ENTRIES: Mapping[Command, CommandEntry] = {
    entry.command: entry for entry in (*pace.ENTRIES, *drain.ENTRIES, *direction.ENTRIES)
}

__all__ = [
    "ENTRIES",
    "Accepted",
    "Command",
    "CommandCheck",
    "CommandDetails",
    "CommandEntry",
    "Given",
    "NewSwap",
    "NotPossible",
    "Place",
]
