"""A host tried step by step, so that whoever sets one up reads which step fails, and what to do.

Each step needs those before it: after one that failed, the others were not tried.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from django.conf import settings

from swaps.adapters.abilities import abilities
from swaps.adapters.contract import HostAddress, Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError, AuthFailed, HostUnreachable, NoConnection
from swaps.adapters.registry import adapter_for
from swaps.domain.host_addresses import AddressRefused, HostUrl, parse_host_url
from swaps.engine.hosts.addresses import ForbiddenAddress, NotResolved, resolve
from swaps.models import ModelHost
from swaps.models.encrypted_field import StillEncrypted

# So many are named.
VERSIONS_NAMED = 6


class CheckName(StrEnum):
    """In the order in which they are tried."""

    RESOLVES = "resolves"  # its name stands for an address
    ALLOWED = "allowed"  # a model host may have that address
    REACHABLE = "reachable"  # it takes connections
    ANSWERS = "answers"  # in time
    KIND = "kind"  # it is the kind it is said to be
    AUTHENTICATED = "authenticated"  # it takes our control token
    CAPABILITIES = "capabilities"  # what it can do
    VERSIONS = "versions"  # what is on it


class CheckResult(StrEnum):
    PASSED = "passed"
    WARNING = "warning"  # it works, and somebody should know
    FAILED = "failed"
    SKIPPED = "skipped"  # one before it failed


@dataclass(frozen=True, slots=True)
class HostCheck:
    """`words`: what was found. `remedy`: what to do about it, "" for nothing."""

    name: CheckName
    result: CheckResult
    words: str
    remedy: str = ""


def examine(host: ModelHost) -> list[HostCheck]:
    """One of each name. `host` may be a row, or none yet; nothing is written."""
    checks = list(_checks(host))
    left = list(CheckName)[len(checks) :]
    return [*checks, *(HostCheck(name, CheckResult.SKIPPED, "not tried") for name in left)]


def _checks(host: ModelHost) -> Iterator[HostCheck]:
    """Ends after the first that failed."""
    try:
        url = parse_host_url(host.url)
    except AddressRefused as problem:
        yield _failed(CheckName.RESOLVES, str(problem), "Correct the address.")
        return
    try:
        addresses = [str(address) for address in resolve(url)]
    except NotResolved as problem:
        yield _failed(
            CheckName.RESOLVES,
            str(problem),
            "Check the spelling, and that the resolver of the machine Hotswap runs on knows the "
            "name. Or give the address itself.",
        )
        return
    except ForbiddenAddress as problem:
        known = "is an address itself" if url.literal is not None else "is a name that is known"
        yield _passed(CheckName.RESOLVES, f"{url.name} {known}")
        yield _failed(
            CheckName.ALLOWED,
            str(problem),
            "Give an address that inference servers may have; which networks those are is set by "
            "HOTSWAP_HOST_NETWORKS.",
        )
        return
    pinned = host.pinned_address or addresses[0]
    yield _resolved(url, addresses, pinned)
    networks = ", ".join(map(str, settings.HOST_NETWORKS))
    within = f", within {networks}" if networks else ""
    yield _passed(CheckName.ALLOWED, f"a model host may be at {pinned}{within}")
    yield from _spoken_to(host, url, pinned)


def _resolved(url: HostUrl, addresses: list[str], pinned: str) -> HostCheck:
    if url.literal is not None:
        return _passed(CheckName.RESOLVES, f"{url.name} is an address itself")
    stands = f"{url.name} stands for {', '.join(addresses)}"
    if pinned in addresses:
        return _passed(CheckName.RESOLVES, stands)
    return HostCheck(
        CheckName.RESOLVES,
        CheckResult.WARNING,
        f"{stands} by now, and requests still go to {pinned}",
        "Swap its models to other hosts, then check it again: then it moves.",
    )


def _spoken_to(host: ModelHost, url: HostUrl, pinned: str) -> Iterator[HostCheck]:
    token = "" if isinstance(host.control_token, StillEncrypted) else host.control_token
    adapter = adapter_for(host.kind, HostAddress(host.name, host.url, token, pinned))
    began = time.monotonic()
    port = f"port {url.port} of {pinned}"
    try:
        info = adapter.identify()
    except NoConnection as error:
        yield _failed(CheckName.REACHABLE, str(error), _way_there(url))
        return
    except HostUnreachable as error:
        yield _passed(CheckName.REACHABLE, f"{port} takes connections")
        yield _failed(
            CheckName.ANSWERS,
            str(error),
            "It is overloaded, or still starting, or something else listens there: look at its "
            "log.",
        )
        return
    except AdapterError as error:
        yield _passed(CheckName.REACHABLE, f"{port} takes connections")
        yield _passed(CheckName.ANSWERS, _after(began))
        yield _failed(
            CheckName.KIND,
            str(error),
            f"Is it of the kind {host.kind}, and is this the address of its control API?",
        )
        return
    yield _passed(CheckName.REACHABLE, f"{port} takes connections")
    yield _passed(CheckName.ANSWERS, _after(began))
    yield _passed(CheckName.KIND, f"{host.kind}: it says {info.name} {info.version}".rstrip())
    if isinstance(host.control_token, StillEncrypted):
        yield _failed(
            CheckName.AUTHENTICATED,
            "its control token was encrypted with a key that this process does not have",
            "Enter the token again, or give the key in HOTSWAP_CREDENTIAL_KEY_FALLBACKS.",
        )
        return
    try:
        listed = adapter.list()
    except AuthFailed as error:
        yield _failed(
            CheckName.AUTHENTICATED,
            str(error) if token else "it asks for a control token, and none is given",
            "Enter the token that the host was started with.",
        )
        return
    except AdapterError as error:
        yield _failed(
            CheckName.AUTHENTICATED,
            f"it did not answer a control call: {error}",
            "Try again; if it stays so, look at the host's log.",
        )
        return
    yield _authenticated(token)
    can = [one.short for one in abilities(asdict(adapter.capabilities)) if one.short]
    yield _passed(CheckName.CAPABILITIES, ", ".join(can) or "loads and unloads versions")
    yield _found(listed)


def _authenticated(token: str) -> HostCheck:
    if token:
        return _passed(CheckName.AUTHENTICATED, "it takes the control token")
    return HostCheck(
        CheckName.AUTHENTICATED,
        CheckResult.WARNING,
        "it takes control calls without a token",
        "Whoever reaches it can load and unload there: start it with a token, and enter that here.",
    )


def _found(listed: list[tuple[Ref, Observation]]) -> HostCheck:
    there = [(ref, seen) for ref, seen in listed if seen.status is not VersionStatus.ABSENT]
    if not there:
        return HostCheck(
            CheckName.VERSIONS,
            CheckResult.WARNING,
            "there is no version of any model on it",
            "Put the files of a version into its repository: then it is found by itself.",
        )
    # What is loaded comes first.
    there.sort(key=lambda one: (one[1].status is not VersionStatus.READY, one[0]))
    named = [f"{ref} ({seen.status})" for ref, seen in there[:VERSIONS_NAMED]]
    more = len(there) - len(named)
    models = len({ref.model for ref, _ in there})
    return _passed(
        CheckName.VERSIONS,
        f"{_counted(len(there), 'version')} of {_counted(models, 'model')}: {', '.join(named)}"
        + (f" and {more} more" if more else ""),
    )


def _way_there(url: HostUrl) -> str:
    start = f"Start the inference server, and let this machine through to port {url.port}."
    if url.scheme == "https":
        start += " If its certificate is not believed, name its authority in HOTSWAP_HOST_CA_FILE."
    return start


def _after(began: float) -> str:
    return f"after {(time.monotonic() - began) * 1000:.0f} ms"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _passed(name: CheckName, words: str) -> HostCheck:
    return HostCheck(name, CheckResult.PASSED, words)


def _failed(name: CheckName, words: str, remedy: str) -> HostCheck:
    return HostCheck(name, CheckResult.FAILED, words, remedy)
