"""The matrix as a table of Markdown: a row a process and fault, a column a state."""

from typing import Any

from tests.system.faults.moments import MOMENTS


def table(cells: dict[str, dict[str, Any]]) -> str:
    """Each cell: calls lost elsewhere than on what was hit, those lost with it, and seconds."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells.values():
        row = rows.setdefault((cell["row"], cell["fault"]), {})
        row[cell["moment"]] = _words(cell)
    head = ["hit", "by", *MOMENTS]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (hit, fault), found in rows.items():
        columns = [hit, fault, *(found.get(moment, "–") for moment in MOMENTS)]
        lines.append("| " + " | ".join(columns) + " |")
    calls = sum(cell["sent"] for cell in cells.values())
    lost = sum(cell["lost"] for cell in cells.values())
    lines.append("")
    lines.append(f"{len(cells)} cells, {calls} calls, {lost} lost elsewhere than on what was hit.")
    return "\n".join(lines)


def _words(cell: dict[str, Any]) -> str:
    words = f"{cell['lost']} lost"
    if cell["lost_with_it"]:
        words += f", {cell['lost_with_it']} with it"
    words += f" · {cell['seconds']:.1f} s"
    if cell["problems"]:
        words += " · **" + ("asks" if cell["asks"] else "wrong") + "**"
    elif cell["end"] not in {"Completed", "RolledBack"}:
        words += f" · {cell['end']}"
    return words
