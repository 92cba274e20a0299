"""What somebody with all rights over the database, but without the key, is caught at."""

import json
import re
import threading
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from swaps.audit import seal as sealing
from swaps.audit.seal import ChainCut, Head, seal_batch
from swaps.models import AuditEntry, AuditSeal, UnsealedEntry
from tests.integration.audit.entries import Sql, entries, seal_all

pytestmark = pytest.mark.django_db(transaction=True)


def verified(*arguments: str) -> tuple[int, str]:
    """The exit code, and all that was said."""
    output = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=output)
    except CommandError as error:
        return error.returncode, f"{output.getvalue()}{error}"
    return 0, output.getvalue()


def test_an_untouched_log_verifies_sealed_or_not() -> None:
    code, output = verified()
    assert (code, "0 entries, 0 seals" in output) == (0, True)
    entries(5)
    assert verified()[0] == 0
    seal_all()
    entries(2)
    code, output = verified()
    assert code == 0, output
    assert "7 entries, 5 seals, 2 not yet sealed; the head is 5:" in output


@pytest.mark.parametrize(
    "value",
    [1e22, -0.0, 1e-7, 0.1, 10**30, "ü\u2028\ud7ff", [None, {"z": 1, "a": [1.0]}], True, ""],
)
def test_what_is_written_verifies_as_it_comes_back(value: object) -> None:
    entries(1, before={"value": value}, after=None)
    seal_all()
    assert verified()[0] == 0


Crime = tuple[str, str, str]
SEALED: list[Crime] = [
    ("changed", "UPDATE swaps_auditentry SET actor = 'mallory' WHERE id = %s", "was changed"),
    ("re-dated", "UPDATE swaps_auditentry SET at = at - interval '1 d' WHERE id = %s", "changed"),
    ("before", """UPDATE swaps_auditentry SET before = '{}' WHERE id = %s""", "was changed"),
    ("address", "UPDATE swaps_auditentry SET address = NULL WHERE id = %s", "was changed"),
    ("removed", "DELETE FROM swaps_auditentry WHERE id = %s", "was removed"),
    (
        "swapped out",
        "UPDATE swaps_auditentry SET id = id + 1000000 WHERE id = %s",
        "was removed",
    ),
]


@pytest.mark.parametrize(("what", "statement", "words"), SEALED, ids=[c[0] for c in SEALED])
def test_a_sealed_entry_that_is_touched_is_named(
    what: str, statement: str, words: str, as_superuser: Sql
) -> None:
    numbers = entries(5)
    seal_all()
    as_superuser(statement, numbers[2])
    code, output = verified()
    assert code == 1
    assert re.search(rf"entry {numbers[2]} .*{words}", output), output
    for innocent in {*numbers} - {numbers[2]}:
        assert f"entry {innocent} " not in output


UNSEALED: list[Crime] = [
    ("changed", "UPDATE swaps_auditentry SET actor = 'mallory' WHERE id = %s", "put in or changed"),
    ("removed", "DELETE FROM swaps_auditentry WHERE id = %s", "was removed before it was sealed"),
    ("out of line", "DELETE FROM swaps_unsealedentry WHERE entry_id = %s", "lost its seal"),
]


@pytest.mark.parametrize(("what", "statement", "words"), UNSEALED, ids=[c[0] for c in UNSEALED])
def test_one_that_waits_for_its_seal_is_named_too(
    what: str, statement: str, words: str, as_superuser: Sql
) -> None:
    number = entries(3)[1]
    as_superuser(statement, number)
    code, output = verified()
    assert code == 1
    assert re.search(rf"entry {number} .*{words}", output), output
    if what != "out of line":
        seal_all()  # being sealed does not make it right
        code, output = verified()
        assert code == 1
        assert f"entry {number} " in output


COLUMNS = """at, actor, role, source, token, address, request_id, action, object_kind,
    object_name, swap, outcome, reason, before, after, key_id, signature"""


@pytest.mark.parametrize("awaits_seal", [True, False])
def test_an_entry_put_in_is_named_though_it_copies_a_genuine_one(
    awaits_seal: bool, as_superuser: Sql
) -> None:
    entries(3)
    seal_all()
    as_superuser(
        f"INSERT INTO swaps_auditentry ({COLUMNS}, nonce) SELECT {COLUMNS}, gen_random_uuid()"
        " FROM swaps_auditentry LIMIT 1"
    )
    forged = AuditEntry.objects.order_by("pk").last()
    assert forged is not None
    if awaits_seal:
        UnsealedEntry.objects.get_or_create(entry_id=forged.pk)
    assert verified()[0] == 1
    seal_all()
    code, output = verified()
    assert code == 1
    assert f"entry {forged.pk} was " in output


def test_a_copy_with_its_nonce_is_named(as_superuser: Sql) -> None:
    entries(2)
    seal_all()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'swaps_auditentry'::regclass"
            " AND contype = 'u'"
        )
        [(constraint,)] = cursor.fetchall()
    as_superuser(f"ALTER TABLE swaps_auditentry DROP CONSTRAINT {constraint}")
    try:
        as_superuser(
            f"INSERT INTO swaps_auditentry ({COLUMNS}, nonce) SELECT {COLUMNS}, nonce"
            " FROM swaps_auditentry LIMIT 1"
        )
        code, output = verified()
        assert code == 1
        assert "are copies of one" in output
    finally:
        as_superuser("TRUNCATE swaps_auditentry, swaps_auditseal, swaps_unsealedentry")
        as_superuser(f"ALTER TABLE swaps_auditentry ADD CONSTRAINT {constraint} UNIQUE (nonce)")


def test_a_seal_that_is_removed_or_changed_is_named(as_superuser: Sql) -> None:
    numbers = entries(5)
    seal_all()
    as_superuser("UPDATE swaps_auditseal SET digest = 'x' WHERE number = 2")
    assert f"seal 2, of entry {numbers[1]}, was changed" in verified()[1]
    as_superuser("DELETE FROM swaps_auditseal WHERE number IN (2, 3)")
    as_superuser("DELETE FROM swaps_auditentry WHERE id = ANY(%s)", numbers[1:3])
    code, output = verified()
    assert code == 1
    assert "seals 2 to 3 are missing" in output


def test_an_end_cut_off_with_its_seals_is_found_by_what_the_machine_remembers(
    as_superuser: Sql, audit_head: Path
) -> None:
    numbers = entries(5)
    seal_all()
    remembered = Head(**json.loads(audit_head.read_text()))
    as_superuser("DELETE FROM swaps_auditentry WHERE id >= %s", numbers[3])
    as_superuser("DELETE FROM swaps_auditseal WHERE number >= 4")
    code, output = verified()
    assert code == 1
    assert "seal 5 is not the one that was remembered" in output
    assert "it ends at seal 3 now" in output
    # On another machine the head of the logs shows it.
    audit_head.unlink()
    code, output = verified()
    assert (code, "give the last head from the logs by --head" in output) == (0, True)
    assert verified("--head", str(remembered))[0] == 1


def test_nothing_is_sealed_over_an_end_that_was_cut_off(
    as_superuser: Sql, audit_head: Path
) -> None:
    entries(3)
    seal_all()
    as_superuser("TRUNCATE swaps_auditentry, swaps_auditseal, swaps_unsealedentry")
    entries(3)
    with pytest.raises(ChainCut, match=r"seal 3, which this machine made, is gone"):
        seal_batch()
    assert verified()[0] == 1
    audit_head.rename(audit_head.with_suffix(".kept"))  # the operator's way on
    seal_all()
    assert verified()[0] == 0


def test_a_head_that_is_none_is_refused_in_words() -> None:
    code, output = verified("--head", "nonsense")
    assert code != 0
    assert "is not a head" in output


def test_an_entry_that_commits_late_is_sealed_late_and_holds_up_nobody() -> None:
    started, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            entries(1)
            started.set()
            assert go_on.wait(60)
        connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    assert started.wait(60)
    try:
        (prompt,) = entries(1)
        seal_all()
        assert AuditSeal.objects.get().entry_id == prompt
        assert verified()[0] == 0
    finally:
        go_on.set()
        thread.join()
    late_one = UnsealedEntry.objects.get().entry_id
    assert late_one < prompt
    assert verified()[0] == 0  # late, and not sealed yet: not an inserted one
    seal_all()
    assert list(AuditSeal.objects.values_list("entry_id", flat=True)) == [prompt, late_one]
    assert verified()[0] == 0


def test_after_an_outage_it_catches_up_in_batches_one_sealer_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 10)
    entries(45)

    def seal(_: int = 0) -> None:
        seal_all()
        connection.close()

    threads = [threading.Thread(target=seal) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal_all()
    assert AuditSeal.objects.count() == 45
    assert not UnsealedEntry.objects.exists()
    assert verified()[0] == 0


def test_the_key_can_be_changed(settings: Settings) -> None:
    entries(2)
    seal_all()
    entries(1)
    earlier = settings.AUDIT_KEY
    settings.AUDIT_KEY, settings.AUDIT_KEY_FALLBACKS = "another key", [earlier]
    entries(2)
    seal_all()
    assert verified()[0] == 0
    settings.AUDIT_KEY_FALLBACKS = []
    code, output = verified()
    assert code == 1
    assert "which is neither HOTSWAP_AUDIT_KEY nor one of HOTSWAP_AUDIT_KEY_FALLBACKS" in output
    assert str(earlier) not in output


def test_the_key_is_never_in_the_database_or_in_what_is_said(settings: Settings) -> None:
    entries(1)
    seal_all()
    rows = [*AuditEntry.objects.values(), *AuditSeal.objects.values()]
    assert str(settings.AUDIT_KEY) not in f"{rows}{verified()}"
