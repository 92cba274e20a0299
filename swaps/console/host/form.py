"""The form of a host: texts in, the engine's words out. All that is wrong is said at once."""

from collections.abc import Callable
from typing import Any

from django import forms

from swaps.adapters.registry import KINDS
from swaps.commands.hosts.edits import IDLE, MOST_LOADS_AT_ONCE, SECRET
from swaps.domain.host_addresses import AddressRefused, parse_host_url, token_problem
from swaps.domain.idle_timeouts import LONGEST_SECONDS, SHORTEST_SECONDS
from swaps.domain.names import MAX_NAME_LENGTH, name_problem

FIELDS = ("name", "kind", "url", SECRET, "max_concurrent_loads", IDLE)
_WHOLE = f"a whole number from 1 to {MOST_LOADS_AT_ONCE}"


class HostForm(forms.Form):
    """The secret is never shown again, not even to whoever just typed it."""

    name = forms.CharField(
        max_length=MAX_NAME_LENGTH, error_messages={"required": "Give it a name."}
    )
    kind = forms.ChoiceField(
        choices=[(kind, kind) for kind in KINDS],
        error_messages={"required": "Choose its kind.", "invalid_choice": "Choose its kind."},
    )
    url = forms.CharField(
        max_length=200, error_messages={"required": "Give the address of its control API."}
    )
    control_token = forms.CharField(max_length=1000, required=False)
    max_concurrent_loads = forms.IntegerField(
        min_value=1,
        max_value=MOST_LOADS_AT_ONCE,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Enter {_WHOLE}."
        ),
    )
    idle_timeout_seconds = forms.FloatField(
        min_value=SHORTEST_SECONDS,
        max_value=LONGEST_SECONDS,
        required=False,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            f"Enter seconds from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}, or nothing.",
        ),
    )

    def clean_name(self) -> str:
        return self._sound("name", lambda name: name_problem(name, of="host"))

    def clean_url(self) -> str:
        return self._sound("url", _url_problem)

    def clean_control_token(self) -> str:
        return self._sound(SECRET, token_problem)

    def _sound(self, field: str, problem_of: Callable[[str], str | None]) -> str:
        text: str = self.cleaned_data[field]
        problem = problem_of(text)
        if problem:
            raise forms.ValidationError(f"{problem[:1].upper()}{problem[1:]}.")
        return text

    def leave_untested(self) -> None:
        """A name is given when it is registered, and like the limits is nothing to be tested."""
        for name in ("name", "max_concurrent_loads", IDLE):
            self.errors.pop(name, None)

    def given(self) -> dict[str, Any]:
        """What is valid, and nothing for the rest."""
        return {name: self.cleaned_data.get(name, "") for name in FIELDS if name in self.fields}

    @property
    def words(self) -> dict[str, str]:
        """What is wrong, by field; "" where nothing is."""
        return {
            name: " ".join(map(str, self.errors.get(name, [])))
            for name in FIELDS
            if name in self.fields
        }


class HostEditForm(HostForm):
    """Of a host that is there: its name stays, and an empty token leaves the stored one."""

    name = None  # type: ignore[assignment] # how a form drops its parent's field
    forget_token = forms.BooleanField(required=False)

    def changes(self) -> dict[str, object]:
        """For `update_host`."""
        given = self.given()
        if not given[SECRET] and not self.cleaned_data.get("forget_token"):
            del given[SECRET]
        return given


def _url_problem(url: str) -> str | None:
    try:
        parse_host_url(url)
    except AddressRefused as problem:
        return str(problem)
    return None
