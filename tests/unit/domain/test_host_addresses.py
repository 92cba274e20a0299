"""Where a host may be."""

import ipaddress

import pytest

from swaps.domain.host_addresses import (
    AddressRefused,
    HostUrl,
    address_problem,
    not_alike,
    parse_host_url,
    token_problem,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://10.0.0.7:8001", HostUrl("http", "10.0.0.7", 8001, "")),
        ("https://models.example/east/", HostUrl("https", "models.example", 443, "/east")),
        ("http://[fd12::7]", HostUrl("http", "fd12::7", 80, "")),
        ("http://gpu-7", HostUrl("http", "gpu-7", 80, "")),
    ],
)
def test_a_url_is_taken_apart(text: str, url: HostUrl) -> None:
    assert parse_host_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "gpu-7", "gpu-7:8001", "//gpu-7", "ftp://gpu-7", "file:///etc/passwd", "unix:///x"),
        *("http://", "http://:80", "http://gpu-7:0", "http://gpu-7:99999", "http://gpu-7:x"),
        *("http://gpu-7/?x=1", "http://gpu-7?", "http://gpu-7/#x", "http://gpu-7\n", "http://a b"),
        *("http://é.example", "http://gpu-7/é", "http://a..b", "http://" + "a" * 64),
        *("http://[fe80::1%25eth0]", "http://[::1", "http://a%2eb"),
    ],
)
def test_what_is_no_address_of_a_host_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        parse_host_url(text)


def test_credentials_in_a_url_are_refused_and_not_quoted() -> None:
    with pytest.raises(AddressRefused, match="its own field") as refusal:
        parse_host_url("http://someone:opensesame@gpu-7")
    assert "opensesame" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254", "100.100.100.200"),
        *("168.63.129.16", "192.0.0.192", "::ffff:168.63.129.16", "64:ff9b::c000:c0"),
        *("fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe"),
        *("fd00:a9fe:a9fe::1", "fd00:42::42"),
        *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"),  # noqa: S104
    ],
)
def test_no_host_is_there(address: str) -> None:
    assert address_problem(ipaddress.ip_address(address), ())


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "fd12::7", "203.0.113.9"])
def test_a_host_may_be_there_unless_only_some_networks_are_allowed(address: str) -> None:
    here = ipaddress.ip_address(address)
    assert address_problem(here, ()) is None
    assert address_problem(here, [ipaddress.ip_network(address)]) is None
    problem = address_problem(here, [ipaddress.ip_network("192.0.2.0/24")])
    assert "192.0.2.0/24" in (problem or "")


def test_a_token_that_would_break_a_header_is_refused_and_not_quoted() -> None:
    assert token_problem("") is None
    assert token_problem("s3cret-TOKEN_~") is None
    for token in ("two\nlines", "two\r\nx-evil: 1", "ein Wort", "schlüssel", "\x00"):
        assert token not in (token_problem(token) or token)


def alike(**urls: str) -> str:
    return not_alike({name: ("bundled", parse_host_url(url)) for name, url in urls.items()}) or ""


def test_hosts_of_one_version_are_reached_in_one_way() -> None:
    assert not alike(alpha="http://10.0.0.7:8001", beta="http://gpu-8.example")
    assert not alike(alpha="https://a.example/east", beta="https://b.example:8443/east/")
    mixed = alike(alpha="https://a.example", beta="http://b.example", gamma="https://c.example")
    assert "alpha, gamma: a bundled host by https; beta: a bundled host by http)" in mixed
    assert "below /east" in alike(alpha="http://a.example/east", beta="http://b.example")
    url = parse_host_url("http://a.example")
    assert not_alike({"alpha": ("bundled", url), "beta": ("other", url)})
