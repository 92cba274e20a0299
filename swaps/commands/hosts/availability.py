"""Asking hosts, before anything is begun, whether they have a version, and which file it is."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from swaps.adapters.contract import Adapter, Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError
from swaps.commands.errors import HostUnreachable, VersionNotFound
from swaps.domain.names import name_problem
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.hosts.lanes import Lanes
from swaps.engine.hosts.questions import answered, whom
from swaps.models import ModelHost, Placement
from swaps.models.hosts import Observed

# Existence is asked with a caller waiting.
ASK_SECONDS = 2.0
READ_AGAIN_SECONDS = 0.1
# For all callers of a process together, however many ask for hosts that hang.
_questions = Lanes(threads=32, a_host=4, name="question")


@dataclass(frozen=True, slots=True)
class Availability:
    digests: dict[str, str]  # {host: digest}, for the hosts that tell
    ready: list[str]  # hosts where it is loaded already, whoever did that
    unread: list[str]  # hosts that tell, and have not read the file to its end yet

    def require_files(self) -> None:
        """Unknown is not equal: before a version is one on several hosts, and before somebody
        agrees to it, it is known which file it is. Raises HostUnreachable.
        """
        if self.unread:
            raise HostUnreachable(
                f"{', '.join(self.unread)} still reads the file of this version, so nobody knows "
                "yet whether it is the right one: ask again in some seconds"
            )


def require_version(
    model: str, version: str, hosts: list[ModelHost], *, files: bool = False
) -> Availability:
    """Every host has this version, and no other file under it.

    `files`: the caller waits for a file that is not read yet, as long as for a host's answer.
    Raises VersionNotFound, HostUnreachable; the messages name the hosts.
    """
    ref, deadline = Ref(model, version), time.monotonic() + ASK_SECONDS
    seen, unreachable = ask_hosts(hosts, ref)
    while files and not unreachable and _unread(hosts, seen) and time.monotonic() < deadline:
        time.sleep(READ_AGAIN_SECONDS)
        seen, unreachable = ask_hosts(hosts, ref)
    if unreachable:
        raise HostUnreachable(
            f"whether {ref} exists is not known: no answer from {_each(unreachable)}"
        )
    missing = why_absent(ref, seen)
    if missing:
        raise VersionNotFound(missing)
    digests = {name: found.digest for name, found in seen.items() if found.digest}
    if len(set(digests.values())) > 1:
        each = ", ".join(f"{name} {digest[:19]}…" for name, digest in sorted(digests.items()))
        raise VersionNotFound(
            f"{ref} is not one version: its hosts have different files under it ({each})"
        )
    ready = sorted(n for n, found in seen.items() if found.status is VersionStatus.READY)
    return Availability(digests, ready, _unread(hosts, seen))


def why_absent(ref: Ref, seen: Mapping[str, Observation]) -> str:
    """Which hosts do not have it, and what to do; "" when all have it."""
    absent = {name: one for name, one in seen.items() if one.status is VersionStatus.ABSENT}
    if not absent:
        return ""
    each = [f"{name} ({one.reason})" if one.reason else name for name, one in absent.items()]
    return f"{ref} is not on {', '.join(sorted(each))}: put its files there, or choose other hosts"


def _unread(hosts: list[ModelHost], seen: dict[str, Observation]) -> list[str]:
    return sorted(
        host.name
        for host in hosts
        if (found := seen.get(host.name)) is not None
        and found.status is not VersionStatus.ABSENT
        and found.digest is None
        and adapter_of(host).capabilities.reports_digest
    )


def hosts_with(model: str, version: str, hosts: list[ModelHost]) -> dict[str, Observation]:
    """What the hosts that have this version say of it, by host; empty when none has it.

    Raises HostUnreachable when none has it and some did not answer.
    """
    ref = Ref(model, version)
    seen, unreachable = ask_hosts(hosts, ref)
    found = {name: one for name, one in seen.items() if one.status is not VersionStatus.ABSENT}
    if unreachable and not found:
        raise HostUnreachable(
            f"whether {ref} exists is not known: no answer from {_each(unreachable)}"
        )
    return found


def hosts_of(model: str) -> list[ModelHost]:
    """Where any version of the model was seen; all hosts while none was.

    Others need not be asked whether they have one more: what is new on a host is learnt when it
    is looked after, every few seconds.
    """
    known = ModelHost.objects.filter(
        pk__in=Placement.objects.filter(model__name=model)
        .exclude(observed=Observed.ABSENT)
        .values("host")
    )
    return list(known) or list(ModelHost.objects.all())


def ask_hosts(hosts: list[ModelHost], ref: Ref) -> tuple[dict[str, Observation], dict[str, str]]:
    """What each host says right now, and why the others did not; by host."""
    return answered(
        ("status", ref, *map(whom, hosts)),
        lambda: _ask_each(hosts, lambda host: _ask(adapter_of(host), ref)),
    )


def _ask(adapter: Adapter, ref: Ref) -> Observation:
    """A version that its kind cannot serve is absent, and nobody need be asked."""
    if not re.fullmatch(adapter.capabilities.version_pattern, ref.version):
        why = f"a host of kind {adapter.kind} serves no version of this name"
        return Observation(VersionStatus.ABSENT, reason=why)
    return adapter.status(ref)


def versions_on_hosts(
    model: str, hosts: list[ModelHost]
) -> tuple[dict[str, dict[str, Observation]], dict[str, str]]:
    """Every version of this name that a host has right now, by version and host, registered or
    not; and why hosts did not say, by host.
    """
    listed, unreachable = _ask_each(hosts, lambda host: adapter_of(host).list())
    found: dict[str, dict[str, Observation]] = {}
    for host, refs in sorted(listed.items()):
        for ref, seen in refs:
            there = seen.status is not VersionStatus.ABSENT
            if ref.model == model and there and name_problem(ref.version, of="version") is None:
                found.setdefault(ref.version, {})[host] = seen
    return found, unreachable


def _ask_each[T](
    hosts: list[ModelHost], question: Callable[[ModelHost], T]
) -> tuple[dict[str, T], dict[str, str]]:
    """All at once, ASK_SECONDS at most: the answers, and why there was none, by host."""
    answers: dict[str, T] = {}
    unreachable: dict[str, str] = {}
    asked = {host.name: _questions.submit(host.pk, partial(question, host)) for host in hosts}
    deadline = time.monotonic() + ASK_SECONDS
    for name, future in asked.items():
        try:
            answers[name] = future.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            # Not waited for: a host that hangs must not hold the caller longer than promised.
            future.cancel()
            unreachable[name] = f"no answer within {ASK_SECONDS:g} s"
        except AdapterError as error:
            unreachable[name] = str(error)
    return answers, unreachable


def _each(reasons: dict[str, str]) -> str:
    return "; ".join(f"{host}: {reason}" for host, reason in reasons.items())
