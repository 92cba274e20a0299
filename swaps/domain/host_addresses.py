"""Where a model host may be: its URL, and the address that its name stands for.

Whoever may register a host could otherwise make us call whatever only we can reach: the
cloud's metadata service, which hands out credentials, above all. So the scheme is http or
https, and an address that no inference server has is refused.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What clouds serve credentials and settings from outside the link-local range.
# Source: the instance metadata documentation of each.
_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            "fd00:ec2::/32",  # AWS: all its services inside an instance, credentials of pods too
            "fd20:ce::254",  # Google Cloud
            "168.63.129.16",  # Azure: certificates and settings of the machine
            "192.0.0.192",  # Oracle Cloud, Classic
            "fd00:c1::a9fe:a9fe",  # Oracle Cloud
            "100.100.100.200",  # Alibaba Cloud
            "fd00:a9fe:a9fe::1",  # Akamai (Linode)
            "fd00:42::42",  # Scaleway
        ),
    )
)
# An IPv6 address in here stands for the IPv4 address in its last four bytes (RFC 6052).
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")

_DNS_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
# In a header of Envoy's, which may have 16 KiB; what hosts take is half of that, as a rule.
_URL_PATH = re.compile(r"/[!\"$->@-~]{0,8000}")

SHAPE = "http://HOST:PORT or https://HOST:PORT"


class AddressRefused(ValueError):
    """A host that we will not call; the message says why."""


@dataclass(frozen=True, slots=True)
class HostUrl:
    """`name` as it was given: a DNS name, or an address without brackets."""

    scheme: str
    name: str
    port: int
    path: str  # "" or /below/which/it/serves, without the last slash

    @property
    def literal(self) -> Address | None:
        """The address, where it was given as one."""
        try:
            return ipaddress.ip_address(self.name)
        except ValueError:
            return None


def parse_host_url(text: str) -> HostUrl:
    """Raises AddressRefused."""
    try:
        parts = urlsplit(text)
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressRefused(f"{text!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise AddressRefused(f"{text!r} is not {SHAPE}")
    if parts.username is not None or parts.password is not None:
        # Not quoted: it would be in logs and in the audit.
        raise AddressRefused(
            "the address holds a user name or password: give the control token in its own field"
        )
    if "?" in text or "#" in text:
        raise AddressRefused(f"{text!r} has a query or a fragment: give just {SHAPE}")
    if not name or "%" in name or any(c.isspace() or not c.isprintable() for c in text):
        raise AddressRefused(f"{text!r} names no host: give {SHAPE}")
    if port == 0:
        raise AddressRefused(f"{text!r}: there is no port 0")
    # The router's own rules: a host that it cannot be told of would keep its models from clients.
    if not is_ip(name) and not is_dns_name(name):
        raise AddressRefused(
            f"{name[:300]!r} is neither an IP address nor a DNS name: one that is not of ASCII "
            "characters is written in its xn-- form"
        )
    if parts.path and not is_url_path(parts.path):
        raise AddressRefused(f"{parts.path[:300]!r} is no URL path: write it percent-encoded")
    default = 443 if parts.scheme == "https" else 80
    return HostUrl(parts.scheme, name, port or default, parts.path.rstrip("/"))


def is_ip(name: str) -> bool:
    """Without a zone: with one it is one machine's own, and Envoy takes none."""
    try:
        ip = ipaddress.ip_address(name)
    except ValueError:
        return False
    return getattr(ip, "scope_id", None) is None


def in_url(name: str) -> str:
    """As it stands before a port, in a URL or a `Host` header: an IPv6 address in brackets."""
    return f"[{name}]" if ":" in name else name


def is_dns_name(name: str) -> bool:
    return _DNS_NAME.fullmatch(name) is not None


def is_url_path(path: str) -> bool:
    """As it is sent: no spaces, nothing but ASCII, no query."""
    return _URL_PATH.fullmatch(path) is not None


def address_problem(address: Address, allowed: Sequence[Network]) -> str | None:
    """Why no host may be there, or None. `allowed`: the only networks, or none to say any."""
    meant = _meant(address)
    if any(meant in network for network in _METADATA):
        return f"{address} is a cloud's metadata service"
    if meant.is_link_local:
        return f"{address} is link-local, where clouds have their metadata service"
    if meant.is_multicast or meant.is_unspecified or meant == _BROADCAST:
        return f"{address} is not one host's address"
    if allowed and not any(
        meant in network for network in allowed if network.version == meant.version
    ):
        networks = ", ".join(map(str, allowed))
        return f"{address} is outside the networks that model hosts may be in ({networks})"
    return None


def not_alike(hosts: Mapping[str, tuple[str, HostUrl]]) -> str | None:
    """Why these, by name with their kinds, cannot serve one version together, or None.

    To the router a version is one address book and one path a verb: all of its hosts are reached
    with TLS or none, and their paths are the same.
    """
    ways: dict[str, list[str]] = {}
    for name, (kind, url) in sorted(hosts.items()):
        where = f"by {url.scheme}" + (f" below {url.path}" if url.path else "")
        ways.setdefault(f"a {kind} host {where}", []).append(name)
    if len(ways) < 2:
        return None
    told = "; ".join(f"{', '.join(names)}: {way}" for way, names in ways.items())
    return (
        "the hosts of one version are of one kind, and all reached in the same way, but these are "
        f"not ({told}): choose some that are alike"
    )


_BROADCAST = ipaddress.ip_address("255.255.255.255")


def _meant(address: Address) -> Address:
    """What an IPv4 address in the clothes of an IPv6 one is."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.sixtofour is not None:
            return address.sixtofour
    return address


def token_problem(token: str) -> str | None:
    """Why this cannot be sent as a bearer token, or None. Never quotes it."""
    if all("!" <= c <= "~" for c in token):
        return None
    return "a control token is of printable ASCII characters, without spaces or line breaks"
