"""What was decided becomes rows, and the calls at hosts that those rows allow.

`write` commits a step with the leases of the calls that follow it; whoever finds an intent without
its call, after a crash between the two, is told by the decision to look and to call. `lease` is for
a step that is nothing but calls: its intent stands already.
"""

from dataclasses import dataclass, replace

from swaps.adapters.contract import Ref
from swaps.domain.decisions import Call, CallHosts, MoveTo, PassReturn, Proceed, Step, Want
from swaps.domain.loading import load_together
from swaps.engine.hosts import calls, leases
from swaps.engine.hosts.leases import HostCall, LeasedCall
from swaps.engine.hosts.warm_up import WarmUp
from swaps.engine.observe import ObservedSwap, Placed
from swaps.engine.write import steps
from swaps.models.hosts import Observed


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls at hosts that a step asks for: ours to make, by their leases, or others'."""

    leased: tuple[LeasedCall, ...] = ()
    # Some were asked for, and other workers are at all of them.
    with_others: bool = False


NO_CALLS = Calls()


def write(observed: ObservedSwap, step: Step | None) -> Calls:
    """Commit the step; nothing for a wait, for calls alone, and for a swap that is over.

    Raises StaleSwap, and then nothing is committed.
    """
    match step:
        case MoveTo(want=Want(version, hosts, loaded=True)):
            return Calls(tuple(steps.move(observed, step, *_first_loads(observed, version, hosts))))
        case MoveTo():
            return Calls(tuple(steps.move(observed, step)))
        case Proceed():
            steps.proceed(observed, step)
        case PassReturn(version, hosts):
            unloads = _host_calls(observed, Call.UNLOAD, version, hosts, intents_ahead=1)
            return Calls(tuple(steps.pass_return(observed, step, *unloads)))
    return NO_CALLS


def lease(observed: ObservedSwap, step: Step | None) -> Calls:
    """Take the leases of a step that calls hosts; to be called in no transaction."""
    if not isinstance(step, CallHosts):
        return NO_CALLS
    wanted = _host_calls(observed, step.call, step.version, step.hosts)
    leased = leases.begin(*calls.not_under_way(wanted))
    return Calls(tuple(leased), with_others=not leased)


def _first_loads(observed: ObservedSwap, version: str, hosts: tuple[str, ...]) -> list[HostCall]:
    """What may load at once; what may be ready is looked at first, and loaded if it is not."""
    target = [view for view in observed.snapshot.target if view.host in hosts]
    together = tuple(view.host for view in load_together(observed.snapshot, target, target))
    return [
        one
        for one in _host_calls(observed, Call.LOAD, version, together, intents_ahead=1)
        if not (one.placed.undecided or one.placed.adoptable)
    ]


def _host_calls(
    observed: ObservedSwap,
    call: Call,
    version: str,
    hosts: tuple[str, ...],
    *,
    intents_ahead: int = 0,
) -> list[HostCall]:
    """`intents_ahead`: how many desired states from now, since each has a fence of its own."""
    swap = observed.swap
    ref, warm = Ref(swap.model.name, version), WarmUp(swap.sample_request, swap.warmup_requests)
    # The new version as it was when the swap was asked for; the old one as it served before.
    digests = swap.digests if version == swap.to_version else {}
    views = observed.snapshot.target if version == swap.to_version else observed.snapshot.source
    ready = {view.host for view in views if view.status == Observed.READY}

    def fence(placed: Placed) -> int:
        if call is Call.LOAD and intents_ahead and not placed.fence:
            return observed.first_fence
        return placed.fence + intents_ahead

    return [
        HostCall(
            call,
            replace(placed, fence=fence(placed)),
            ref,
            warm,
            digests.get(host, ""),
            loaded=host in ready,
        )
        for host in hosts
        if (placed := observed.placements.get((version, host))) is not None
    ]
