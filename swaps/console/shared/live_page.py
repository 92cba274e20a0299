"""A page that shows itself anew: its fragments, each a template that the page includes too.

A fragment `NAME` of a page whose templates are in `console/FOLDER/` is `console/FOLDER/NAME.html`;
its element has an id of its own, and takes its place by it (`oob`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from django.template.loader import render_to_string

from swaps.access.roles import Role
from swaps.console.shared.watch import CLOCK


def render_fragments(
    folder: str, names: Iterable[str], context: Mapping[str, object], now: datetime
) -> dict[str, str]:
    """Html by name, and the clock's."""
    fragments = {name: render_fragment(folder, name, context) for name in names}
    clock = render_to_string("console/swap/clock.html", {"live": {"now": now}, "oob": True})
    return fragments | {CLOCK: clock}


def render_fragment(folder: str, name: str, context: Mapping[str, object]) -> str:
    return render_to_string(f"console/{folder}/{name}.html", {**context, "oob": True})


def render_personal(
    folder: str, names: Sequence[str], context_for: Callable[[Role], Mapping[str, object]]
) -> Callable[[Iterable[Role]], dict[Role, str]]:
    """For `Look.render_for`: fragments that depend on what the reader may do."""

    def rendered(role: Role) -> str:
        context = context_for(role)
        return "".join(render_fragment(folder, name, context) for name in names)

    return lambda roles: {role: rendered(role) for role in roles}


def nothing_personal(roles: Iterable[Role]) -> dict[Role, str]:
    """For pages that look the same to everybody."""
    return dict.fromkeys(roles, "")
