"""What a setting may hold; the rest is refused by the setting's name, with the way out."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from hotswap_site import environment
from hotswap_site.embedded.errors import EmbeddedError

NAME = "HOTSWAP_OF_A_TEST"

Read = Callable[[str], object]


def a_flag(name: str) -> bool:
    return environment.flag(name, default=True)


def a_pool(name: str) -> int:
    return environment.whole(name, 3, least=0, most=10, what="connections")


def an_age(name: str) -> timedelta:
    return environment.hours(name, 12, below=100)


def some_seconds(name: str) -> float:
    return environment.seconds(name, 2)


def some_days(name: str) -> timedelta:
    return environment.days(name, 7)


def a_form(name: str) -> str:
    return environment.one_of(name, "text", ("text", "json"))


@pytest.mark.parametrize(
    ("read", "given", "value"),
    [
        (a_flag, None, True),
        (a_flag, "yes", True),
        (a_flag, "TRUE", True),
        (a_flag, "0", False),
        (a_flag, "off", False),
        # An empty line of an environment file opens nothing.
        (a_flag, "", False),
        (a_pool, None, 3),
        (a_pool, "", 3),
        (a_pool, " 10 ", 10),
        (a_pool, "0", 0),
        (an_age, None, timedelta(hours=12)),
        (an_age, "0.5", timedelta(minutes=30)),
        (some_seconds, None, 2.0),
        (some_seconds, "0.25", 0.25),
        (some_days, None, timedelta(days=7)),
        (some_days, "0", timedelta()),
        (some_days, "1.5", timedelta(hours=36)),
        (a_form, None, "text"),
        (a_form, "json", "json"),
        (environment.words, "a, b  c,", ["a", "b", "c"]),
        (environment.networks, "10.20.0.0/16 ::1", (ip_network("10.20.0.0/16"), ip_network("::1"))),
        (environment.certificates, None, ""),
    ],
)
def test_what_is_meant_is_understood(
    read: Read, given: str | None, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is None:
        monkeypatch.delenv(NAME, raising=False)
    else:
        monkeypatch.setenv(NAME, given)
    assert read(NAME) == value


@pytest.mark.parametrize(
    ("read", "given", "way_out"),
    [
        (a_flag, "ture", "set it to 1 or 0"),
        (a_pool, "11", "a whole number from 0 to 10 (connections)"),
        (a_pool, "-1", "from 0 to 10"),
        (a_pool, "many", "from 0 to 10"),
        (a_pool, "1.5", "from 0 to 10"),
        (a_pool, "²", "from 0 to 10"),
        (an_age, "100", "a number of hours above 0 and below 100"),
        (an_age, "nan", "above 0"),
        (some_seconds, "0", "a number of seconds above 0 and below 86400"),
        (some_seconds, "soon", "above 0"),
        (some_days, "-1", "0 to keep for good"),
        (some_days, "1e99", "a number of days"),
        (some_days, "a week", "a number of days"),
        (a_form, "yaml", "one of text, json"),
        (environment.networks, "10.20.0.1/16", "such as 10.20.0.0/16"),
        (environment.certificates, "/nowhere.pem", "name a file of certificates (PEM)"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    read: Read, given: str, way_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, given)
    with pytest.raises(EmbeddedError) as refused:
        read(NAME)
    assert NAME in str(refused.value)
    assert given in str(refused.value)
    assert way_out in str(refused.value)


def test_a_file_of_certificates_is_taken_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("certificates")
    monkeypatch.setenv(NAME, str(path))
    assert environment.certificates(NAME) == str(path)
