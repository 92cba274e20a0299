"""Hosts as the engine reaches them: rows to adapters."""

import ipaddress

from django.conf import settings

from swaps.adapters.contract import Adapter, HostAddress
from swaps.adapters.errors import AuthFailed, Unsupported
from swaps.adapters.registry import adapter_for, idle_timeout_for
from swaps.domain.host_addresses import address_problem
from swaps.models import ModelHost
from swaps.models.encrypted_field import StillEncrypted


def adapter_of(host: ModelHost) -> Adapter:
    """Raises Unsupported, also for an address that no host may have (any more), and AuthFailed
    where the key of its credential is gone.
    """
    adapter = adapter_for(
        host.kind,
        HostAddress(
            host.name, host.url, host.control_token, host.pinned_address, idle_timeout_of(host)
        ),
    )
    if adapter.address.pinned:
        pinned = ipaddress.ip_address(adapter.address.pinned)
        problem = address_problem(pinned, settings.HOST_NETWORKS)
        if problem:
            raise Unsupported(f"host {host.name}: {problem}")
    if isinstance(host.control_token, StillEncrypted):
        raise AuthFailed(
            f"the control token of host {host.name} was encrypted with a key that this process "
            "does not have: enter the token again, or give the key in "
            "HOTSWAP_CREDENTIAL_KEY_FALLBACKS"
        )
    return adapter


def idle_timeout_of(host: ModelHost) -> float:
    """Seconds after which a connection to it without a request is closed."""
    return idle_timeout_for(
        host.kind, chosen=host.idle_timeout_seconds, measured=host.measured_keep_alive_seconds
    )
