"""The filters of the audit log as fields of a form."""

from collections.abc import Mapping
from dataclasses import dataclass

from swaps.access.roles import Action


@dataclass(frozen=True, slots=True)
class Field:
    """`choices`: the only values; `suggestions`: some that there are."""

    name: str
    label: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    value: str = ""
    error: str = ""


_FIRST = (
    Field("actor", "Actor", hint="a user, or engine"),
    Field("action", "Action", hint="swap", suggestions=(*Action, "login", "export-audit")),
    Field("object_name", "Object", hint="iris"),
    Field("outcome", "Outcome", choices=("done", "refused")),
    Field("reason", "Reason contains", hint="October"),
    Field("since", "Since (UTC)", hint="2h, or a date"),
)
_MORE = (
    Field("until", "Until (UTC)", hint="1h, or a date"),
    Field("object_kind", "Kind of object", hint="model"),
    Field("role", "Role", choices=("viewer", "operator", "administrator", "none")),
    Field("source", "Source", choices=("console", "API", "admin", "command line", "engine")),
    Field("swap", "Swap", hint="its id"),
    Field("address", "Address", hint="192.0.2.0/24"),
    Field("token", "Token", hint="hs_ and 8 more"),
    Field("request_id", "Request id"),
)


@dataclass(frozen=True, slots=True)
class Fields:
    first: list[Field]
    more: list[Field]

    @property
    def more_used(self) -> bool:
        return any(field.value or field.error for field in self.more)


def fields_of(asked: Mapping[str, str], errors: Mapping[str, str]) -> Fields:
    def filled(field: Field) -> Field:
        value, error = asked.get(field.name, ""), errors.get(field.name, "")
        return Field(
            field.name, field.label, field.hint, field.choices, field.suggestions, value, error
        )

    return Fields([filled(field) for field in _FIRST], [filled(field) for field in _MORE])
