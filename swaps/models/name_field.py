"""A column for names of models, versions and hosts: one rule, kept at every door."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from swaps.domain.names import MAX_NAME_LENGTH, name_problem


class NameValidator:
    def __init__(self, of: str) -> None:
        self.of = of

    def __call__(self, value: str) -> None:
        problem = name_problem(value, of=self.of)
        if problem:
            raise ValidationError(problem)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameValidator) and other.of == self.of

    def __hash__(self) -> int:
        return hash(self.of)

    def deconstruct(self) -> tuple[str, tuple[str], dict[str, Any]]:
        return ("swaps.models.name_field.NameValidator", (self.of,), {})


# Django's fields take type arguments in their stubs only.
if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class NameField(_CharField):
    """`of` is what is named: "model", "version" or "host"; it appears in the error."""

    def __init__(self, *args: Any, of: str, **kwargs: Any) -> None:
        self.of = of
        kwargs.setdefault("max_length", MAX_NAME_LENGTH)
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, NameValidator(of)]

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs["of"] = self.of
        kwargs.pop("validators", None)
        return name, path, list(args), kwargs
