"""Unsafe settings are warned of by name, each with a way out; safe ones are not."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from pytest_django.fixtures import Settings

from hotswap_site.checks import check_certificates, check_debug, check_deployment
from swaps.access.certificate_folder import CertificateFolder
from swaps.access.certificates import Authority

SAFE: dict[str, Any] = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["hotswap.example.com"],
    "SECRET_KEY": "one",
    "CREDENTIAL_KEY": "another",
    "SECURE_SSL_REDIRECT": True,
    "OPEN_METRICS": False,
}


@pytest.fixture
def deployed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HOTSWAP_SECRET_KEY", "one")
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


def ids(found: list[CheckMessage]) -> list[str]:
    assert all(one.hint and re.fullmatch(r"hotswap\.[EW]\d{3}", one.id or "") for one in found)
    return [str(one.id) for one in found]


def test_safe_settings_are_not_warned_of(deployed: Settings) -> None:
    assert ids([*check_deployment(None), *check_debug(None), *check_certificates(None)]) == []


@pytest.mark.parametrize(
    ("name", "value", "id_"),
    [
        ("DEBUG", True, "hotswap.E001"),
        ("CREDENTIAL_KEY", "one", "hotswap.W003"),
        ("SECURE_SSL_REDIRECT", False, "hotswap.W004"),
        ("OPEN_METRICS", True, "hotswap.W005"),
    ],
)
def test_an_unsafe_setting_is_warned_of(
    deployed: Settings, name: str, value: object, id_: str
) -> None:
    setattr(deployed, name, value)
    assert ids([*check_deployment(None), *check_debug(None)]) == [id_]


def test_a_key_that_each_machine_makes_for_itself_is_warned_of(
    deployed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOTSWAP_SECRET_KEY")
    assert ids(check_deployment(None)) == ["hotswap.W002"]


def test_on_this_machine_alone_open_metrics_http_and_debug_pages_are_nobody_elses(
    deployed: Settings,
) -> None:
    deployed.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
    deployed.SECURE_SSL_REDIRECT, deployed.OPEN_METRICS, deployed.DEBUG = False, True, True
    assert ids([*check_deployment(None), *check_debug(None)]) == []


def test_certificates_that_are_missing_or_end_soon_are_told(
    deployed: Settings, tmp_path: Path
) -> None:
    folder = CertificateFolder(tmp_path / "xds")
    deployed.XDS_LISTEN, deployed.XDS_CERTIFICATES = "127.0.0.1:18000", folder.path
    assert ids(check_certificates(None)) == ["hotswap.W009", "hotswap.W009"]
    folder.open_authority()
    assert ids(check_certificates(None)) == []
    folder.router.write_bytes(Authority.new().issue_node("x", timedelta(days=3)).pem)
    assert ids(check_certificates(None)) == ["hotswap.W006"]
