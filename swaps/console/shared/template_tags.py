"""How the console writes times, durations and numbers. Loaded with `{% load console %}`."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from swaps.adapters.abilities import abilities
from swaps.console.audit.changes import Change, changes
from swaps.console.host.words import (
    check_icon,
    check_label,
    closes_too_late,
    drift_remedy,
    drift_words,
    drifts,
    idle_words,
    loaded,
    loaded_unregistered,
    named_first,
)
from swaps.console.swap.inputs import shown_inputs
from swaps.console.swap.staircase import Staircase, staircase
from swaps.domain.states import ENTRIES, SwapState
from swaps.domain.strategies import Strategy
from swaps.readings.audit.entries import AuditReading
from swaps.readings.traffic.traffic import Traffic

register = template.Library()

UNKNOWN = format_html('<span class="unknown" title="{}">–</span>', "not known")


@register.filter
def duration(value: timedelta | float | None) -> str | SafeString:
    """`840 ms`, `1.3 s`, `2 min 04 s`, `3 h 05 min`; a dash when not known."""
    if value is None:
        return UNKNOWN
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds == int(seconds) else f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


@register.filter
def marked(text: str, part: str) -> str | SafeString:
    """`text` with what was looked for marked in it, once for each word; case does not matter."""
    at = text.lower().find(part.lower())
    words = part.split()
    if at < 0 and len(words) > 1:
        part = next((word for word in words if word.lower() in text.lower()), "")
        at = text.lower().find(part.lower())
    if at < 0 or not part:
        return text
    end = at + len(part)
    return format_html("{}<mark>{}</mark>{}", text[:at], text[at:end], text[end:])


register.filter("shown_inputs", shown_inputs)
for of_hosts in (
    abilities,
    check_icon,
    check_label,
    closes_too_late,
    drift_remedy,
    drift_words,
    drifts,
    idle_words,
    loaded,
    loaded_unregistered,
    named_first,
):
    register.filter(of_hosts.__name__, of_hosts)


@register.filter
def milliseconds(value: float | str | None) -> str | SafeString:
    return UNKNOWN if value is None or isinstance(value, str) else duration(value / 1000)


@register.filter
def p95(traffic: Traffic | str | None) -> str | SafeString:
    """`9.1 ms`; `over 10 s` where it lies above all that is measured."""
    if not isinstance(traffic, Traffic):
        return UNKNOWN
    if traffic.p95_ms is None and traffic.over_ms is not None:
        return f"over {duration(traffic.over_ms / 1000)}"
    return milliseconds(traffic.p95_ms)


@register.filter
def tone(state: str) -> str:
    """How the state of a swap is coloured: `running`, and for ends what they mean."""
    return ENTRIES[SwapState(state)].tone


@register.filter
def state_icon(state: str) -> str:
    return ENTRIES[SwapState(state)].icon


@register.filter
def known(value: float | str | None, unit: str = "") -> str | SafeString:
    """A number with its unit, or a dash: what nobody reported is not zero."""
    # An attribute of nothing is an empty text in templates.
    if value is None or isinstance(value, str):
        return UNKNOWN
    text = f"{value:.1f}" if isinstance(value, float) and value != int(value) else f"{value:.0f}"
    return f"{text}{unit}"


@register.filter
def size(value: int | str | None) -> str | SafeString:
    """`512 B`, `3.4 kB`, `1.2 GB`."""
    if value is None or isinstance(value, str):
        return UNKNOWN
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


@register.filter
def short_digest(value: str) -> str:
    """Enough of it to compare by eye; the whole stands in the title."""
    return value.removeprefix("sha256:")[:12]


@register.filter(name="staircase")
def staircase_of(strategy: Strategy) -> Staircase:
    return staircase(strategy)


@register.filter(name="changes")
def changes_of(entry: AuditReading) -> list[Change]:
    """Of one line in a list: only what differs."""
    return [one for one in changes(entry.before, entry.after) if one.kind != "same"]


@register.filter
def of(values: Mapping[str, object] | None, key: str | None) -> object:
    """`values|of:key`, None when either is unknown."""
    return None if values is None or key is None else values.get(key)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of `templates/console/shared/icons.html`, beside words that say the same."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def clock(at: datetime | None, *, precise: bool = False) -> SafeString:
    """The time of day in UTC; the date and the reader's own time appear on hover."""
    if at is None:
        return UNKNOWN
    at = at.astimezone(UTC)
    text = at.strftime("%H:%M:%S.%f")[:-3] if precise else at.strftime("%H:%M:%S")
    return _time(at, text)


@register.simple_tag
def moment(at: datetime | None) -> SafeString:
    """Day and time, for lists that go back further than today."""
    if at is None:
        return UNKNOWN
    at = at.astimezone(UTC)
    return _time(at, at.strftime("%d %b %H:%M:%S"))


@register.simple_tag
def countdown(until: datetime | None) -> SafeString:
    """Time left, ticking in the browser; the deadline itself where there is no script.

    What is rendered stays the same from look to look, so it is not sent again and again.
    """
    if until is None:
        return UNKNOWN
    text = until.astimezone(UTC).strftime("until %H:%M:%S")
    return format_html('<time datetime="{}" data-countdown>{}</time>', _iso(until), text)


@register.simple_tag
def elapsed(since: datetime) -> SafeString:
    """Time since, ticking in the browser."""
    text = since.astimezone(UTC).strftime("since %H:%M:%S")
    return format_html('<time datetime="{}" data-elapsed>{}</time>', _iso(since), text)


@register.simple_tag
def ago(at: datetime | None) -> SafeString:
    """How long since, ticking in the browser; the time itself where there is no script."""
    if at is None:
        return UNKNOWN
    text = at.astimezone(UTC).strftime("%d %b %H:%M:%S")
    return format_html('<time datetime="{}" data-ago>{}</time>', _iso(at), text)


def _time(at: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}" data-local>{}</time>', _iso(at), text)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
