"""The audit log as a file: what may begin one, and its two forms.

CSV is for spreadsheets, so no cell may be taken for a formula there; JSON Lines holds each
entry exactly as REST shows it.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from swaps.access.roles import Action, Actor
from swaps.access.throttles import TooOften, try_export
from swaps.audit.filters import AuditFilter
from swaps.audit.record import record
from swaps.audit.refusals import record_refusal

type Form = Literal["csv", "jsonl"]

CONTENT_TYPES: Mapping[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
# A spreadsheet takes what begins so for a formula, and carries it out; of the wide signs of East
# Asian keyboards it makes plain ones first.
_FORMULA_BEGINS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def begin_export(actor: Actor, wanted: AuditFilter, form: Form) -> None:
    """Who takes the log away, and which part, is in the log. Raises NotAllowed, TooOften."""
    actor.require(Action.VIEW)
    tried = try_export(actor.name)
    if tried.too_many:
        refusal = TooOften(
            f"{actor.name} may export the audit log {tried.limit} times a minute",
            tried.retry_after_seconds,
        )
        record_refusal(
            actor=actor,
            action="export-audit",
            object_kind="audit",
            object_name="audit log",
            reason=str(refusal),
            code=refusal.code,
        )
        raise refusal
    record(
        actor=actor,
        action="export-audit",
        object_kind="audit",
        object_name="audit log",
        after={"format": form, "filters": wanted.given()},
    )


def csv_text(columns: Sequence[str], entries: Iterable[Mapping[str, Any]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    for entry in entries:
        writer.writerow([_cell(entry[column]) for column in columns])
    return written.getvalue()


def jsonl_text(entries: Iterable[Mapping[str, Any]]) -> str:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    # A quotation mark before it makes it text to every spreadsheet.
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text
