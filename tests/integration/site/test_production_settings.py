"""The handbook's production settings are safe by Django's checks and by ours."""

import os
import re
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from hotswap_site.checks import check_rows, check_servers
from swaps.models import ModelHost, NodeCertificate
from tests.documents import blocks

PROJECT = Path(__file__).resolve().parents[3]


def settings_of_the_handbook() -> dict[str, str]:
    (block,) = (one for one in blocks("sh") if one.startswith("DATABASE_URL="))
    found = dict(line.split("=", 1) for line in block.splitlines())
    # What is different everywhere: a value of its own for each "...".
    return {k: v.replace("...", secrets.token_urlsafe(48)) for k, v in found.items()}


def check(settings: dict[str, str], home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    ours = {k: v for k, v in os.environ.items() if not re.match("HOTSWAP_|DATABASE_|VALKEY_", k)}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING", *more],
        cwd=PROJECT,
        env={**ours, **settings, "HOTSWAP_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_the_handbooks_settings_nothing_is_warned_of(tmp_path: Path) -> None:
    settings = settings_of_the_handbook()
    done = check(settings, tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    # And it looks at these settings: without one of them it is not content.
    done = check(settings | {"HOTSWAP_HTTPS": "0"}, tmp_path)
    assert done.returncode == 1
    assert "hotswap.W004" in done.stderr


@pytest.mark.django_db
def test_a_host_without_an_adapter_and_a_node_that_is_cut_off_soon_are_warned_of() -> None:
    assert check_rows(None, ["default"]) == []
    ModelHost.objects.create(name="alpha", kind="tritonne", url="http://alpha:8000")
    for node_id, days in (("edge-1", 3), ("edge-2", 300), ("edge-2", 3)):
        NodeCertificate.objects.create(
            node_id=node_id,
            serial=secrets.token_hex(8),
            expires_at=Now() + timedelta(days=days),
        )
    found = check_rows(None, ["default"])
    assert [(one.id, one.msg.split(" is ")[0].split(" ends ")[0]) for one in found] == [
        ("hotswap.W007", "Host alpha"),
        ("hotswap.W008", "the certificate of node edge-1"),
    ]


def test_servers_that_are_away_are_warned_of_and_their_passwords_not_shown(tmp_path: Path) -> None:
    given = settings_of_the_handbook() | {
        "DATABASE_URL": "postgresql://hotswap:hidden-word@127.0.0.1:9/hotswap",
        "VALKEY_URL": "redis://:hidden-word@127.0.0.1:9/0",
    }
    done = check(given, tmp_path, "--database", "default")
    assert done.returncode == 1
    assert "hotswap.W010" in done.stderr
    assert "hotswap.W015" in done.stderr
    assert "hidden-word" not in done.stderr


def _set(limit: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{limit}'")


@pytest.mark.django_db
def test_servers_are_asked_what_they_do() -> None:
    asked = f"{settings.ABANDONED_TRANSACTION_SECONDS}s"
    _set(asked)
    assert check_servers(None, ["default"]) == []
    assert check_servers(None, None) == []
    # As behind a pooler that drops what we connect with.
    _set("0")
    (found,) = check_servers(None, ["default"])
    assert found.id == "hotswap.W012"
    assert "options" in str(found.hint)


@pytest.mark.django_db
def test_tables_that_are_not_there_are_warned_of() -> None:
    _set(f"{settings.ABANDONED_TRANSACTION_SECONDS}s")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'swaps' AND name >= '0015'")
    (found,) = check_servers(None, ["default"])
    assert found.id == "hotswap.W011"
    assert "swaps 0015" in found.msg
