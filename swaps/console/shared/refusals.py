"""Why something was not done: one answer for each kind of refusal, in every dialog and form.

404: what the address names is not there, which every page answers (visitors.page). 403: the role
does not include it. 422: what was typed cannot be used. 409: the world is not, or not any more,
such that it could be done. 503: a host that has to be asked does not answer.
"""

from dataclasses import dataclass

from swaps.access.roles import NotAllowed
from swaps.commands.errors import (
    HostNotFound,
    HostUnreachable,
    InvalidRequest,
    ModelNotFound,
    NodeNotFound,
    NotPossibleNow,
    SwapNotFound,
    SwapRefused,
)

NOT_FOUND = (HostNotFound, ModelNotFound, NodeNotFound, SwapNotFound)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The words, the HTTP status, and the field they are about; "": about no field."""

    words: str
    status: int = 409
    field: str = ""

    @property
    def forbids(self) -> bool:
        """Nothing that this person could type would change it."""
        return self.status == 403


def refusal_of(error: NotAllowed | SwapRefused, *names: str | None) -> Refusal:
    """`names` begin some messages, and are never respelt."""
    words = sentence(error, *names)
    match error:
        case NotAllowed():
            return Refusal(words, 403)
        case InvalidRequest():
            return Refusal(words, 422, error.field)
        case HostUnreachable():
            return Refusal(words, 503)
        case NotPossibleNow(retry=True):
            return Refusal(f"{words} Try again in a moment.")
        case _:
            return Refusal(words)


def sentence(error: Exception, *names: str | None) -> str:
    """Capital letter first and a full stop last; but one of `names` is never respelt."""
    words = str(error)
    if not words.startswith(tuple(name for name in names if name)):
        words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."
