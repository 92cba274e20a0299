"""What a host's name stands for: asked of the resolver, checked, and kept.

Calls and requests go to the address that was checked, never to the name: who owns the name
could otherwise lead them elsewhere after the check, or each of our processes to another place.
"""

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from socket import IPPROTO_TCP, SOCK_STREAM, getaddrinfo

from django.conf import settings
from django.db import transaction

from swaps.domain.host_addresses import Address, HostUrl, address_problem, parse_host_url
from swaps.engine.hosts.questions import answered
from swaps.engine.usage import uses_of_host
from swaps.models import ModelHost

RESOLVE_SECONDS = 2.0
# The system's resolver takes no time limit, and one that hangs must not hold a caller.
_resolvers = ThreadPoolExecutor(8, thread_name_prefix="resolve")


class NotResolved(Exception):
    """Nobody could say what the name stands for."""


class ForbiddenAddress(Exception):
    """It stands for an address that no host may have."""


def resolve(url: HostUrl) -> list[Address]:
    """Every address, all of them allowed. Raises NotResolved, Refused."""
    literal = url.literal
    addresses = (
        [literal]
        if literal is not None
        else answered(("address", url.name, url.port), lambda: _ask(url))
    )
    for address in addresses:
        problem = address_problem(address, settings.HOST_NETWORKS)
        if problem:
            name = "" if literal is not None else f"{url.name} stands for "
            raise ForbiddenAddress(f"{name}{problem}")
    return addresses


def pin(host: ModelHost) -> str:
    """Keep the address that the host's name stands for, in its row and on `host`.

    A host that is in use keeps the address it has: its requests go there. Returns a sentence
    for the operator where that is not what its name stands for, otherwise "".
    Raises NotResolved, Refused while there is no address to go by.
    """
    url = parse_host_url(host.url)
    if url.literal is not None:
        resolve(url)
        return ""
    try:
        addresses = [str(address) for address in resolve(url)]
    except (NotResolved, ForbiddenAddress) as problem:
        if not host.pinned_address:
            raise
        return f"{problem}; {host.pinned_address} is used, as it was checked before"
    if host.pinned_address in addresses:
        return ""
    with transaction.atomic():
        found = ModelHost.objects.select_for_update().filter(pk=host.pk, url=host.url).first()
        if found is None:
            return ""  # deleted, or moved meanwhile: this answer is about another address
        uses = uses_of_host(found) if found.pinned_address else []
        if uses:
            host.pinned_address = found.pinned_address
            moved = f"{url.name} stands for {addresses[0]} by now"
            if not uses_of_host(found, given_up=True):
                return (
                    f"{moved}, and nobody answers at {found.pinned_address}, where something is "
                    "still to be unloaded: if that machine is gone, delete the host, then add it "
                    "again"
                )
            return (
                f"{moved}, and requests still go to {found.pinned_address}: swap its models to "
                f"other hosts, then check it again ({'; '.join(uses)})"
            )
        found.pinned_address = host.pinned_address = addresses[0]
        found.save(update_fields=["pinned_address"])
    return ""


def _ask(url: HostUrl) -> list[Address]:
    asked = _resolvers.submit(getaddrinfo, url.name, url.port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    try:
        found = asked.result(timeout=RESOLVE_SECONDS)
    except Late:
        asked.cancel()
        raise NotResolved(
            f"{url.name} was not resolved to an address within {RESOLVE_SECONDS:g} s"
        ) from None
    except (OSError, UnicodeError) as error:
        raise NotResolved(f"{url.name} could not be resolved to an address: {error}") from error
    return list(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).split("%")[0]) for one in found))
