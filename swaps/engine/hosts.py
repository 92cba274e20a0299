"""Hosts as the engine reaches them: rows to adapters."""

from swaps.adapters.contract import Adapter, HostAddress
from swaps.adapters.registry import adapter_for
from swaps.models import ModelHost


def adapter_of(host: ModelHost) -> Adapter:
    return adapter_for(host.kind, HostAddress(host.name, host.url, host.control_token))
