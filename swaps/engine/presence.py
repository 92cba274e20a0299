"""Asking hosts, before anything is begun, whether they have a version, and which file it is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from swaps.adapters.contract import Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError
from swaps.adapters.errors import HostUnreachable as AdapterHostUnreachable
from swaps.engine.errors import HostUnreachable, VersionNotFound
from swaps.engine.hosts import adapter_of
from swaps.models import ModelHost

# Existence is asked with a caller waiting.
ASK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Presence:
    digests: dict[str, str]  # {host: digest}, for the hosts that tell


def require_version(model: str, version: str, hosts: list[ModelHost]) -> Presence:
    """Every host has this version, and the same file under it.

    Raises VersionNotFound, HostUnreachable; the messages name the hosts.
    """
    ref = Ref(model, version)
    with ThreadPoolExecutor(max_workers=min(8, len(hosts))) as pool:
        asked = {host.name: pool.submit(_ask, host, ref) for host in hosts}
        seen: dict[str, Observation] = {}
        unreachable: list[str] = []
        for name, future in asked.items():
            try:
                seen[name] = future.result(timeout=ASK_SECONDS)
            except (AdapterHostUnreachable, TimeoutError) as error:
                unreachable.append(f"{name}: {error or 'no answer in time'}")
            except AdapterError as error:
                unreachable.append(f"{name}: {error}")
    if unreachable:
        raise HostUnreachable(
            f"whether {ref} exists is not known: no answer from {'; '.join(unreachable)}"
        )
    absent = sorted(n for n, found in seen.items() if found.status is VersionStatus.ABSENT)
    if absent:
        raise VersionNotFound(
            f"{ref} is not on {', '.join(absent)}: put its files there, or choose other hosts"
        )
    digests = {name: found.digest for name, found in seen.items() if found.digest}
    if len(set(digests.values())) > 1:
        files = ", ".join(f"{name} {digest[:19]}…" for name, digest in sorted(digests.items()))
        raise VersionNotFound(
            f"{ref} is not one version: its hosts have different files under it ({files})"
        )
    return Presence(digests)


def _ask(host: ModelHost, ref: Ref) -> Observation:
    return adapter_of(host).status(ref)
