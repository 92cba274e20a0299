"""Which entries of the audit log somebody wants to see: one form for API, pages and export.

Whatever cannot be meant is refused by name: a misspelt filter that is silently ignored would
show, or export, everything.
"""

import ipaddress
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from django.db.models import Q, QuerySet
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from swaps.access.roles import Scope
from swaps.access.tokens import SHOWN_CHARACTERS
from swaps.domain.texts import require_storable
from swaps.models import AuditEntry, SwapOperation

NO_ROLE = "none"  # strangers, and people whom nobody gave a role
_AGO = re.compile(r"(\d{1,6})([smhd])")
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")  # a whole day; pages and log count them in UTC
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class FilterInvalid(ValueError):
    """What is wrong with which field of a filter."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))
        self.errors = dict(errors)


def _moment(value: Any) -> Any:
    """A time, or how long ago: `2h` stays two hours ago in an address that is shared.

    A time says its zone: whoever means their own clock would otherwise see, or export, other
    hours than they meant. A date alone is a day by UTC, as pages and log count them.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        # A plus sign that was not escaped in an address arrives as a space.
        moment = datetime.fromisoformat(
            re.sub(r" (?=\d\d:\d\d$)", "+", text) if "T" in text else text
        )
        if moment.tzinfo is None and _DATE.fullmatch(text):
            moment = moment.replace(tzinfo=UTC)
        zoned = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text[:40]!r} is no time: write 2026-11-24T05:00:00Z (UTC), 2026-11-24, or 2h for "
            "two hours ago"
        ) from error
    if zoned is None:
        raise ValueError(
            f"{text[:40]!r} says no zone: write {text[:40]}Z for UTC, or an offset such as +02:00"
        )
    return zoned


def _shown_of_token(text: str) -> str:
    """Whoever pastes a whole token is told so, without it being repeated."""
    if len(text) > SHOWN_CHARACTERS:
        raise ValueError(
            f"give only the first {SHOWN_CHARACTERS} characters: the rest of a token is secret"
        )
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise ValueError(
            f"{text[:50]!r} is no address: write 192.0.2.7, 2001:db8::1 or a network, 192.0.2.0/24"
        ) from error


Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(require_storable),
]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(require_storable),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-11-24T05:00:00Z", "2h"]}),
]


class AuditFilter(BaseModel):
    """All that is given must hold; what is not given does not matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Annotated[
        Moment | None, Field(description="from this time on; or how long ago: 90m, 2h, 7d")
    ] = None
    until: Annotated[
        Moment | None, Field(description="before this time; or how long ago: 90m, 2h, 7d")
    ] = None
    actor: Annotated[Line | None, Field(description="a user name, or engine")] = None
    role: Literal["viewer", "operator", "administrator", "none"] | None = None
    source: Literal["console", "API", "admin", "command line", "engine"] | None = None
    token: Annotated[
        Annotated[Line, AfterValidator(_shown_of_token)] | None,
        Field(description="the first characters of a token, as lists show them"),
    ] = None
    address: Annotated[
        Annotated[Word, AfterValidator(_network)] | None,
        Field(description="an address, or a network such as 192.0.2.0/24"),
    ] = None
    request_id: Word | None = None
    action: Annotated[
        Word | None, Field(description="such as swap, rollback, manage-hosts, login")
    ] = None
    object_kind: Annotated[Word | None, Field(description="such as model, swap, host")] = None
    object_name: Line | None = None
    swap: uuid.UUID | None = None
    outcome: Literal["done", "refused"] | None = None
    reason: Annotated[Line | None, Field(description="words that the reason contains")] = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Of an address or a form, where an empty field is none. Raises FilterInvalid."""
        filled = {name: value for name, value in given.items() if value.strip()}
        errors = _unknown(filled)
        known: dict[str, Any] = {name: filled[name] for name in filled if name in FIELDS}
        try:
            wanted = cls(**known)
        except ValidationError as problem:
            errors |= {str(error["loc"][0]): _words(error) for error in problem.errors()}
        if errors:
            raise FilterInvalid(errors)
        return wanted

    def given(self) -> dict[str, str]:
        """The fields that are, as texts that give the same filter again."""
        return {
            name: str(value).replace("+00:00", "Z")
            for name, value in self.model_dump(
                mode="json", include=set(FIELDS), exclude_none=True
            ).items()
        }


FIELDS = tuple(AuditFilter.model_fields)


def require_known(names: Iterable[str]) -> None:
    """Raises FilterInvalid."""
    if errors := _unknown(names):
        raise FilterInvalid(errors)


def _unknown(names: Iterable[str]) -> dict[str, str]:
    words = f"there is no such filter; there are {', '.join(FIELDS)}"
    return {name[:40]: words for name in names if name not in FIELDS}


def matching(wanted: AuditFilter, *, scope: Scope = None) -> QuerySet[AuditEntry]:
    """Entries in no order yet. `scope`: only what is of these models exists."""
    found = AuditEntry.objects.order_by()
    plain = ("actor", "source", "token", "request_id", "action", "object_kind", "object_name")
    for field in (*plain, "swap", "outcome"):
        if (value := getattr(wanted, field)) is not None:
            found = found.filter(**{field: value})
    if wanted.role is not None:
        found = found.filter(role="" if wanted.role == NO_ROLE else wanted.role)
    if wanted.since is not None:
        found = found.filter(at__gte=wanted.since)
    if wanted.until is not None:
        found = found.filter(at__lt=wanted.until)
    if wanted.address is not None:
        network = ipaddress.ip_network(wanted.address)
        # A range, which an ordinary index finds; of one address both ends are the same.
        found = found.filter(
            address__gte=str(network.network_address), address__lte=str(network.broadcast_address)
        )
    if wanted.reason is not None:
        found = found.filter(reason__icontains=wanted.reason)
    if scope is not None:
        theirs = SwapOperation.objects.filter(model__name__in=scope).values("pk")
        found = found.filter(Q(object_kind="model", object_name__in=scope) | Q(swap__in=theirs))
    return found


def _words(error: Any) -> str:
    if error["type"] == "literal_error":
        return f"must be {error['ctx']['expected']}"
    if error["type"] == "string_too_long":
        return f"is longer than {error['ctx']['max_length']} characters"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return str(error["msg"])
