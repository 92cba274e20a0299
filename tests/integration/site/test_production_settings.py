"""The README's production settings are safe by Django's checks and by ours."""

import os
import re
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from hotswap_site.checks import check_rows
from swaps.models import ModelHost, NodeCertificate

PROJECT = Path(__file__).resolve().parents[3]


def settings_of_the_readme() -> dict[str, str]:
    section = (PROJECT / "README.md").read_text().split("## Running it for real")[1]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    found = dict(line.split("=", 1) for line in block[1].splitlines())
    # What is different everywhere: a value of its own for each "...".
    return {k: v.replace("...", secrets.token_urlsafe(48)) for k, v in found.items()}


def check(settings: dict[str, str], home: Path) -> subprocess.CompletedProcess[str]:
    ours = {k: v for k, v in os.environ.items() if not re.match("HOTSWAP_|DATABASE_|VALKEY_", k)}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env={**ours, **settings, "HOTSWAP_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_the_readmes_settings_nothing_is_warned_of(tmp_path: Path) -> None:
    settings = settings_of_the_readme()
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
