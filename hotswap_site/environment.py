"""One setting out of the environment: of its type, within its limits, or refused by its name.

Each raises EmbeddedError, a sentence that says which setting, what it held, and what to write.

By hand, for what is imported here is paid at each start, and processes start again in outages. On
a start with the settings of 0.7 s of CPU time (the least of eight, on two busy cores)
pydantic-settings adds about 0.3 s, environs and typed-settings 0.15 s each: the latter imports
pydantic where that is installed. django-environ adds next to nothing, and has no types.
"""

import ipaddress
import os
from collections.abc import Collection
from datetime import timedelta

from hotswap_site.embedded.errors import EmbeddedError

DAY_SECONDS = 86_400
_ON = {"1", "true", "yes", "on"}
_OFF = {"", "0", "false", "no", "off"}


def flag(name: str, *, default: bool = False) -> bool:
    given = os.environ.get(name, "1" if default else "0").strip().lower()
    if given not in _ON | _OFF:
        # A typing error must not switch off what protects: HOTSWAP_HTTPS=ture.
        raise _refused(name, "1 or 0")
    return given in _ON


def whole(name: str, default: int, *, least: int, most: int, what: str) -> int:
    """A whole number from `least` to `most`; `what` it counts, for the sentence."""
    given = (os.environ.get(name) or "").strip() or str(default)
    if not (given.isascii() and given.isdecimal()) or not least <= int(given) <= most:
        raise _refused(name, f"a whole number from {least} to {most} ({what})")
    return int(given)


def per_minute(name: str, default: int) -> int:
    return whole(name, default, least=1, most=1_000_000_000, what="times a minute")


def port(name: str, default: int) -> int:
    return whole(name, default, least=1, most=65_535, what="a port")


def seconds(name: str, default: float, *, below: float = DAY_SECONDS) -> float:
    return _number(name, default, below=below, what="seconds")


def hours(name: str, default: float, *, below: float) -> timedelta:
    return timedelta(hours=_number(name, default, below=below, what="hours"))


def days(name: str, default: float) -> timedelta:
    """How long something is kept; 0 is for good."""
    given = (os.environ.get(name) or "").strip()
    try:
        kept = timedelta(days=float(given or default))
    except (ValueError, OverflowError):
        raise _refused(name, "a number of days, 0 to keep for good") from None
    if kept < timedelta():
        raise _refused(name, "a number of days, 0 to keep for good")
    return kept


def words(name: str, default: str = "") -> list[str]:
    """Between commas or spaces."""
    return os.environ.get(name, default).replace(",", " ").split()


def one_of(name: str, default: str, choices: Collection[str]) -> str:
    given = os.environ.get(name) or default
    if given not in choices:
        raise _refused(name, f"one of {', '.join(choices)}")
    return given


def networks(name: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(word) for word in words(name))
    except ValueError as error:
        raise EmbeddedError(
            f"{name}: {error}; give addresses or networks such as 10.20.0.0/16 or fd12::/64"
        ) from error


def certificates(name: str) -> str:
    """The file of certificates that it names; "" when it names none."""
    path = os.environ.get(name, "")
    if path and not os.access(path, os.R_OK):
        raise EmbeddedError(f"{name}: {path} cannot be read; name a file of certificates (PEM)")
    return path


def _number(name: str, default: float, *, below: float, what: str) -> float:
    given = (os.environ.get(name) or "").strip()
    try:
        number = float(given or default)
    except ValueError:
        number = 0.0
    if not 0 < number < below:
        raise _refused(name, f"a number of {what} above 0 and below {below:g}")
    return number


def _refused(name: str, wanted: str) -> EmbeddedError:
    return EmbeddedError(f"{name} is {os.environ.get(name)!r}: set it to {wanted}.")
