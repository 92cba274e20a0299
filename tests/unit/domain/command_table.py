"""The command table of the design: what each command is answered in each state."""

from swaps.domain.states import SwapState

_S = SwapState

# Column: the states it stands for, and whether the point of no return is behind.
COLUMNS = {
    "NotStarted": ([_S.NOT_STARTED], False),
    "Loading": ([_S.LOADING_NEW_VERSION], False),
    "Transit.": ([_S.TRANSITIONING], False),
    "Draining": ([_S.OLD_VERSION_DRAINING], False),
    "after PNR": ([_S.OLD_VERSION_DRAINING], True),
    "Completed": ([_S.COMPLETED], True),
    "RollBack": ([_S.ROLLING_BACK], False),
    "unl. new": ([_S.ROLLING_BACK], True),  # rolled back so far that the new one is unloaded
    "ends": ([_S.FAILED, _S.ROLLED_BACK, _S.CANCELLED], False),
    "ends, PNR": ([_S.FAILED, _S.ROLLED_BACK], True),
}

# yes: accepted · same: accepted, nothing changes · new: a new swap in the other direction
# no: refused · back: refused, says roll back · soon: refused, and worth asking again
TABLE = """
              | NotStarted | Loading | Transit. | Draining | after PNR | Completed | RollBack | unl. new | ends | ends, PNR
cancel        | yes        | yes     | back     | back     | no        | no        | no       | no       | no   | no
rollback      | yes        | yes     | yes      | yes      | soon      | new       | same     | same     | no   | no
pause         | no         | no      | yes      | no       | no        | no        | no       | no       | no   | no
resume        | no         | no      | yes      | no       | no        | no        | no       | no       | no   | no
promote       | no         | no      | yes      | yes      | no        | no        | no       | no       | no   | no
extend-drain  | no         | no      | no       | yes      | no        | no        | yes      | no       | no   | no
force-unload  | no         | no      | no       | yes      | no        | no        | yes      | no       | no   | no
roll-forward  | no         | no      | no       | no       | no        | no        | yes      | no       | no   | no
"""  # noqa: E501 - a table is read whole


def cells() -> list[tuple[str, str, str]]:
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.split("\n") if line]
    return [
        (command, column, expected)
        for command, *cells in rows
        for column, expected in zip(head[1:], cells, strict=True)
    ]
