"""A swap, drawn: what serves which share, how the drain gets on, which step, what it waits for.

Pure: a reading in, something to print out.
"""

from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swaps.cli.output import BAD, BUSY, FAINT, GOOD, Document, duration, plain, time_of

BAR_WIDTH = 32
STYLE_OF_STATE = {
    "Completed": GOOD,
    "Failed": BAD,
    "RolledBack": BUSY,
    "Cancelled": FAINT,
    "RollingBack": BUSY,
}
_SIGN_OF_STEP = {"done": ("✓", GOOD), "current": ("▶", "bold"), "pending": ("·", FAINT)}


def picture(
    swap: Document, *, now: datetime, most_draining: int = 0, lost: str | None = None
) -> RenderableType:
    """`now`: by the server's clock. `most_draining`: the drain's largest count, for its bar.
    `lost`: why what is shown may be old.
    """
    parts: list[RenderableType] = [headline(swap), _weights(swap)]
    if swap["steps"] and swap["phase"] != "completed":
        parts.append(_steps(swap))
    parts += [line for line in (_drain(swap, most_draining), _deadline(swap, now)) if line]
    if swap["waiting_for"]:
        parts.append(Text(plain(swap["waiting_for"]), style="bold"))
    if swap["error_message"]:
        parts.append(Text(plain(swap["error_message"]), style=BAD))
    if lost:
        parts.append(Text(f"! {plain(lost)}", style=f"bold {BAD}"))
    return Group(*parts)


def headline(swap: Document) -> Text:
    state = swap["state"]
    text = Text.assemble(
        (plain(swap["model_name"]), "bold"),
        f"  {plain(swap['from_version'] or 'nothing')} → {plain(swap['to_version'])}  ",
        (plain(state), STYLE_OF_STATE.get(state, "bold")),
    )
    if swap["paused"]:
        text.append("  paused", style=BUSY)
    text.append(f"  {plain(swap['strategy'])}", style=FAINT)
    return text


def server_now(swap: Document, received: datetime) -> timedelta:
    """How much the server's clock is ahead of ours: a reading says how old its swap is."""
    started, age = time_of(swap["start_time"]), swap["timings"]["total_seconds"]
    if started is None or swap["phase"] == "completed":
        return timedelta()
    return started + timedelta(seconds=age) - received


def bar(shown: float, wanted: float, *, width: int = BAR_WIDTH) -> Text:
    """Percent: what is so in full, what is asked for and not yet so in light blocks."""
    full = round(width * max(0.0, min(shown, 100.0)) / 100)
    light = max(0, round(width * max(0.0, min(wanted, 100.0)) / 100) - full)
    rest = width - full - light
    return Text.assemble(("█" * full, GOOD), ("▒" * light, BUSY), ("░" * rest, FAINT))


def _weights(swap: Document) -> Table:
    table = Table(box=None, pad_edge=False, header_style=FAINT)
    for name in ("version", ""):
        table.add_column(name)
    for name in ("requested", "applied", "observed", "in flight"):
        table.add_column(name, justify="right")
    weights = swap["weights"]
    for role in ("from", "to"):
        version = swap[f"{role}_version"]
        if version is None:
            continue
        requested = weights["requested"].get(version, 0)
        applied = _share(weights["applied"], version)
        observed = _share(weights["observed"], version)
        in_flight = swap["in_flight"][role]
        table.add_row(
            Text(plain(version), style="bold"),
            bar(applied or 0, requested),
            f"{requested} %",
            _percent(applied),
            _percent(observed),
            plain(in_flight),
        )
    return table


def _share(weights: Document | None, version: str) -> float | None:
    return None if weights is None else weights.get(version, 0)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:g} %"


def _steps(swap: Document) -> Text:
    text = Text.assemble(("steps  ", FAINT))
    for step in swap["steps"]:
        sign, style = _SIGN_OF_STEP.get(step["status"], ("–", FAINT))
        text.append(f"{sign} {step['words']}", style=style)
        if step["seconds_left"] is not None:
            text.append(f" ({duration(step['seconds_left'])} left)", style=style)
        text.append("  ")
    return text


def draining_version(swap: Document) -> tuple[str, int | None] | None:
    """The version that must become idle, with its requests; None while none must."""
    if swap["past_point_of_no_return"]:
        return None
    role = {"OldVersionDraining": "from", "RollingBack": "to"}.get(swap["state"])
    if role is None or swap[f"{role}_version"] is None:
        return None
    return swap[f"{role}_version"], swap["in_flight"][role]


def _drain(swap: Document, most: int) -> Text | None:
    draining = draining_version(swap)
    if draining is None:
        return None
    version, count = draining
    text = Text.assemble(("drain  ", FAINT))
    if count is None:
        return text.append(f"{plain(version)}: not known how many requests are in flight")
    done = 100.0 if not count else 100.0 * (1 - count / max(most, count))
    proven = sum(node["proven"] for node in swap["nodes"])
    text.append(bar(done, 0))
    text.append(f"  {count} in flight on {plain(version)}")
    return text.append(f", proven idle on {proven} of {len(swap['nodes'])} nodes", style=FAINT)


def _deadline(swap: Document, now: datetime) -> Text | None:
    deadline = time_of(swap["deadline"])
    if deadline is None:
        return None
    left = (deadline - now).total_seconds()
    text = Text.assemble(("deadline  ", FAINT))
    if left <= 0:
        return text.append(f"over since {duration(-left)}", style=BAD)
    clock = f"{deadline.astimezone(UTC):%H:%M:%S} UTC"
    return text.append(f"in {duration(left)}", style=BUSY if left < 10 else "").append(
        f", {clock}", style=FAINT
    )
