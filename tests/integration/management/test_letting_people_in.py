"""People who are let in by a command of the machine: no weaker a password than by any other way,
and in the audit log.
"""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from swaps.models import AuditEntry, ModelHost

pytestmark = pytest.mark.django_db

OLGA = {"username": "olga", "password": "a long phrase of hers", "role": "operator"}


@pytest.fixture
def provision(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(document: object) -> Any:
        text = document if isinstance(document, str) else json.dumps(document)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        output = io.StringIO()
        call_command("provision", stdout=output)
        return json.loads(output.getvalue())

    return run


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "too short"),
        ("password", "too common"),
        ("8362047195", "entirely numeric"),
        ("the-olga-", "too similar to the username"),
        ("", "too short"),
    ],
)
def test_a_weak_password_is_refused_by_name_and_changes_nothing(
    provision: Any, password: str, words: str
) -> None:
    olga = OLGA | {"username": "the-olga"}
    with pytest.raises(CommandError, match=rf"^user the-olga: password: .*{words}"):
        provision({"users": [olga | {"password": password}]})
    assert not User.objects.exists()
    provision({"users": [olga]})
    with pytest.raises(CommandError, match=words):
        provision({"users": [olga | {"password": password, "role": "administrator"}]})
    user = User.objects.get()
    assert user.check_password(str(olga["password"]))
    assert [group.name for group in user.groups.all()] == ["operator"]


def test_again_changes_only_what_differs(provision: Any) -> None:
    provision({"users": [OLGA]})
    before = User.objects.get().password
    provision({"users": [OLGA]})
    assert User.objects.get().password == before, "her sessions go on"
    provision({"users": [OLGA | {"role": "viewer"}], "tokens": []})
    entries = AuditEntry.objects.filter(object_name="olga").order_by("pk")
    assert [(one.actor, one.source, one.action, one.after) for one in entries] == [
        ("provision", "command line", "manage-users", {"role": "operator", "active": True}),
        ("provision", "command line", "manage-users", {"role": "viewer"}),
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "^standard input: Invalid JSON"),
        ("[]", "^standard input: Input should be an object"),
        ({"people": []}, r"^people: Extra inputs"),
        ({"users": [{"username": "olga", "role": "viewer"}]}, r"^users\.0\.password: Field"),
        ({"users": [OLGA | {"role": "king"}]}, r"^users\.0\.role: Input should be"),
        ({"tokens": [{"name": "ci", "username": "x", "role": "viewer"}]}, "no user is called 'x'"),
    ],
)
def test_a_document_that_cannot_be_used_is_told_where(
    provision: Any, document: Any, words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        provision(document)
    assert not User.objects.exists()


def test_what_was_given_is_not_in_the_words(provision: Any) -> None:
    with pytest.raises(CommandError) as refused:
        provision({"hosts": [{"name": "alpha", "control_token": ["s3cret"]}], "users": ["s3cret"]})
    assert "s3cret" not in str(refused.value)
    assert not ModelHost.objects.exists()


def test_the_first_administrator_has_a_good_password_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "ada")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "password")
    with pytest.raises(CommandError, match="user ada: This password is too common"):
        call_command("createsuperuser", interactive=False)
    assert not User.objects.exists()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long phrase of hers")
    call_command("createsuperuser", interactive=False)
    [group] = User.objects.get(username="ada").groups.all()
    assert group.name == "administrator"
    assert AuditEntry.objects.get(action="manage-users", outcome="done").object_name == "ada"
