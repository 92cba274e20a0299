"""What can be done about a concern: the page it leads to, and the button of whoever may."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from swaps.access.roles import Action, Actor, Role
from swaps.domain.commands import ENTRIES, Command
from swaps.readings.overview.concerns import Concern, Kind


@dataclass(frozen=True, slots=True)
class Offer:
    label: str
    address: str  # of a dialog


@dataclass(frozen=True, slots=True)
class ConcernRow:
    concern: Concern
    address: str  # where all of it stands
    offers: tuple[Offer, ...]

    @property
    def grave(self) -> bool:
        return self.concern.kind in _GRAVE

    @property
    def key(self) -> str:
        """Tells the row apart, for its buttons' ids."""
        one = self.concern
        return "-".join(
            filter(None, (one.kind, str(one.swap or one.model), one.host, one.node, one.part))
        )


_GRAVE = frozenset(
    {
        Kind.NO_WRITES,
        Kind.SERVICE_DOWN,
        Kind.NO_NODE,
        Kind.DRAIN_OVERDUE,
        Kind.NODE_REFUSES,
        Kind.NODE_AWAY,
        Kind.HOST_AWAY,
        Kind.NOT_LOADED,
    }
)
_COMMANDS = {
    Kind.DRAIN_OVERDUE: (Command.EXTEND_DRAIN, Command.ROLLBACK),
    Kind.PROMOTION: (Command.PROMOTE, Command.ROLLBACK),
    Kind.PAUSED: (Command.RESUME, Command.ROLLBACK),
}


def rows_for(role: Role | None, concerns: Iterable[Concern]) -> list[ConcernRow]:
    reader = Actor("", role, "console")
    return [ConcernRow(one, _address(one), tuple(_offers(reader, one))) for one in concerns]


def _address(concern: Concern) -> str:
    if concern.swap is not None:
        return reverse("swap", args=[concern.swap])
    if concern.host:
        return reverse("host", args=[concern.host])
    if concern.part:
        return reverse("overview")
    return reverse("model", args=[concern.model]) if concern.model else reverse("router")


def _offers(reader: Actor, concern: Concern) -> Iterable[Offer]:
    for command in _COMMANDS.get(concern.kind, ()):
        if reader.may(command):
            address = reverse("swap-command", args=[concern.swap, command])
            yield Offer(f"{ENTRIES[command].label}…", address)
    if concern.kind is Kind.APPROVAL and reader.may(Action.APPROVE):
        for verdict in ("approve", "reject"):
            address = reverse("decide", kwargs={"swap_id": concern.swap, "verdict": verdict})
            yield Offer(f"{verdict.capitalize()}…", address)
    if concern.kind is Kind.QUEUE_HELD and reader.may(Action.RELEASE_QUEUE):
        yield Offer("Release the queue…", reverse("model-ask", args=[concern.model, "release"]))
    if concern.kind is Kind.NODE_AWAY and reader.may(Action.RETIRE_NODE):
        yield Offer("Retire…", reverse("retire-node", args=[concern.node]))
    if concern.kind is Kind.UNPROTECT and reader.may(Action.PROTECT):
        yield Offer("Agree…", reverse("model-ask", args=[concern.model, "unprotect"]))
        yield Offer("Keep it protected…", reverse("model-ask", args=[concern.model, "protect"]))
