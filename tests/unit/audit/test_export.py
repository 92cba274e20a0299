"""No cell of an export is a formula, whatever somebody wrote into the log."""

import csv
import io
import json

import pytest

from swaps.audit.export import csv_text, jsonl_text


def cells(*values: object) -> list[str]:
    columns = [f"c{number}" for number in range(len(values))]
    text = csv_text(columns, [dict(zip(columns, values, strict=True))])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_what_a_spreadsheet_would_carry_out_becomes_text(begins: str) -> None:
    formula = f"{begins}HYPERLINK(A1)"
    assert cells("olga", formula) == ["olga", f"'{formula}"]


def test_quotes_commas_and_new_lines_stay_in_their_cell() -> None:
    quoted = 'it said "no, never"\nand stopped'
    assert cells(1, quoted, None, {"serving": "1.0"}) == ["1", quoted, "", '{"serving": "1.0"}']


def test_json_lines_hold_what_rest_shows() -> None:
    entries = [{"id": 1, "reason": "=1+1\n"}, {"id": 2, "before": {"serving": "1.0"}}]
    assert [json.loads(line) for line in jsonl_text(entries).splitlines()] == entries
