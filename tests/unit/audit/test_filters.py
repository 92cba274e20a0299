"""What can be asked of the audit log, and that whatever cannot is refused by name."""

from datetime import UTC, datetime, timedelta

import pytest

from swaps.audit.filters import FIELDS, AuditFilter, FilterInvalid

ALL = {
    "since": "2026-11-24T05:00:00Z",
    "until": "2026-11-25T00:00:00Z",
    "actor": "olga",
    "role": "operator",
    "source": "command line",
    "token": "hs_abcdefgh",
    "address": "192.0.2.0/24",
    "request_id": "r-1",
    "action": "swap",
    "object_kind": "model",
    "object_name": "iris",
    "swap": "0b5f6b4e-4c86-4f6c-9a3d-1f7a1c0c7f11",
    "outcome": "refused",
    "reason": "October data",
}


def test_a_filter_survives_the_way_through_an_address() -> None:
    assert set(ALL) == set(FIELDS)
    assert AuditFilter.of(ALL).given() == ALL
    assert AuditFilter.of(AuditFilter.of(ALL).given()) == AuditFilter.of(ALL)


def test_an_empty_field_is_none() -> None:
    assert AuditFilter.of(dict.fromkeys(FIELDS, " ")).given() == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-24", "2026-11-24T00:00:00Z"),
        ("20261124", "2026-11-24T00:00:00Z"),
        ("2026-11-24T05:00Z", "2026-11-24T05:00:00Z"),
        ("2026-11-24T05:00:00+02:00", "2026-11-24T03:00:00Z"),
        ("2026-11-24T05:00:00 02:00", "2026-11-24T03:00:00Z"),
    ],
)
def test_times_are_meant_by_the_zone_that_they_say_and_days_by_utc(
    written: str, meant: str
) -> None:
    assert AuditFilter.of({"since": written}).given() == {"since": meant}


@pytest.mark.parametrize("written", ["2026-11-24T05:00", "2026-11-24 05:00:00"])
def test_a_time_that_says_no_zone_is_refused_with_what_to_write(written: str) -> None:
    with pytest.raises(FilterInvalid, match=f"says no zone: write {written}Z"):
        AuditFilter.of({"since": written})


@pytest.mark.parametrize(
    ("written", "ago"),
    [("90m", timedelta(minutes=90)), ("2h", timedelta(hours=2)), ("7d", timedelta(days=7))],
)
def test_a_duration_is_so_long_ago(written: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    since = AuditFilter.of({"since": written}).since
    assert since is not None
    assert before - ago <= since <= datetime.now(UTC) - ago


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("since", "yesterday", "no time"),
        ("until", "0001-01-01T00:00:00+14:00", "no time"),
        ("since", "999999d", "no time"),
        ("role", "king", "'operator'"),
        ("source", "api", "'command line'"),
        ("outcome", "ok", "'refused'"),
        ("address", "300.0.0.1", "no address"),
        ("swap", "17", "UUID"),
        ("actor", "x" * 201, "longer than 200"),
        ("reason", "a\x00b", "NUL"),
        ("acter", "olga", "no such filter; there are since,"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_named(field: str, value: str, words: str) -> None:
    with pytest.raises(FilterInvalid) as refusal:
        AuditFilter.of({field: value})
    assert list(refusal.value.errors) == [field]
    assert words in refusal.value.errors[field]


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(FilterInvalid) as refusal:
        AuditFilter.of({"role": "king", "outcome": "ok", "actor": "olga"})
    assert set(refusal.value.errors) == {"role", "outcome"}


def test_a_whole_token_is_not_repeated() -> None:
    with pytest.raises(FilterInvalid) as refusal:
        AuditFilter.of({"token": "hs_abcdefgh-and-its-secret-rest"})
    assert "secret-rest" not in str(refusal.value)
    assert "first 11 characters" in str(refusal.value)
