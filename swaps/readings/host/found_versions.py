"""What the hosts have of a name right now, registered or not: to choose a first version from."""

from dataclasses import dataclass

from swaps.adapters.contract import Observation, VersionStatus
from swaps.commands.hosts.availability import versions_on_hosts
from swaps.domain.names import name_problem, version_order
from swaps.models import ModelHost


@dataclass(frozen=True, slots=True)
class VersionFound:
    """`digests`: more than one where different files stand under this name."""

    version: str
    on: dict[str, str]  # what each host that has it says: ready, available ...
    digests: tuple[str, ...]
    size_bytes: int | None

    @property
    def serves_somewhere(self) -> bool:
        return VersionStatus.READY in self.on.values()


@dataclass(frozen=True, slots=True)
class FoundOnHosts:
    versions: list[VersionFound]  # the newest name first
    silent: dict[str, str]  # why a host did not say
    hosts: list[str]  # that were asked

    @property
    def answered(self) -> list[str]:
        return [host for host in self.hosts if host not in self.silent]


def find_versions(name: str) -> FoundOnHosts:
    """Asks all hosts at once, two seconds at most."""
    hosts = list(ModelHost.objects.order_by("name"))
    names = [host.name for host in hosts]
    if name_problem(name, of="model") is not None:
        return FoundOnHosts([], {}, names)
    found, silent = versions_on_hosts(name, hosts)
    versions = [
        _found(version, found[version])
        for version in sorted(found, key=version_order, reverse=True)
    ]
    return FoundOnHosts(versions, silent, names)


def _found(version: str, seen: dict[str, Observation]) -> VersionFound:
    return VersionFound(
        version=version,
        on={host: one.status.value for host, one in seen.items()},
        digests=tuple(sorted({one.digest for one in seen.values() if one.digest})),
        size_bytes=max((one.size_bytes for one in seen.values() if one.size_bytes), default=None),
    )
