"""A swap in a state of one's choice, and held there until it is let go."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.system.faults.held import HeldRequest
from tests.system.fleet import Fleet, eventually

# Longer than a killed process takes to come back, shorter than one stands still.
HOLD_SECONDS = 5
BAKE_SECONDS = 6
HALF = {"steps": [{"setWeight": 50}, {"pause": {"duration": HOLD_SECONDS}}]}


@dataclass
class Moment:
    """`swaps`: each with the state it should end in, the last one ending last."""

    model: str
    swaps: Sequence[tuple[str, str]]
    loser: str  # the version that should be unloaded in the end, and `winner` serve
    winner: str
    held: list[HeldRequest] = field(default_factory=list)
    # Calls that the test makes itself at hosts, past the router: no client would.
    past_the_router: list[HeldRequest] = field(default_factory=list)

    def let_go(self) -> None:
        for request in (*self.held, *self.past_the_router):
            request.release()


def not_started(fleet: Fleet) -> Moment:
    """In the queue, behind a swap that holds at 50 %."""
    old, new = fleet.serving("iris"), fleet.other("iris")
    first = _asked(fleet, "iris", strategy=HALF)
    fleet.reaches(first["id"], "Transitioning")
    second = _asked(
        fleet, "iris", from_version=new, to_version=old, when_busy="queue", strategy="all-at-once"
    )
    swaps = [(first["id"], "Completed"), (second["id"], "Completed")]
    return Moment("iris", swaps, loser=new, winner=old)


def loading(fleet: Fleet) -> Moment:
    """A model whose first answer takes seconds of work."""
    old, new = fleet.serving("slow"), fleet.other("slow")
    swap = _asked(fleet, "slow", drain_timeout_seconds=120)
    fleet.reaches(swap["id"], "LoadingNewVersion")
    return Moment("slow", [(swap["id"], "Completed")], loser=old, winner=new)


def transitioning(fleet: Fleet) -> Moment:
    old, new = fleet.serving("iris"), fleet.other("iris")
    swap = _asked(fleet, "iris", strategy=HALF)
    fleet.reaches(swap["id"], "Transitioning")
    return Moment("iris", [(swap["id"], "Completed")], loser=old, winner=new)


def draining(fleet: Fleet) -> Moment:
    """A request runs on the old version."""
    old, new = fleet.serving("iris"), fleet.other("iris")
    held = [_through_the_router(fleet, old)]
    swap = _asked(fleet, "iris", drain_timeout_seconds=120)
    fleet.reaches(swap["id"], "OldVersionDraining")
    return Moment("iris", [(swap["id"], "Completed")], loser=old, winner=new, held=held)


def baking(fleet: Fleet) -> Moment:
    """Idle, and kept warm for a while."""
    old, new = fleet.serving("iris"), fleet.other("iris")
    swap = _asked(fleet, "iris", keep_warm_seconds=BAKE_SECONDS)
    fleet.reaches(swap["id"], "OldVersionDraining")
    eventually(
        lambda: "warm" in (fleet.get(f"swaps/{swap['id']}")["waiting_for"] or ""),
        what="the old version is kept warm",
    )
    return Moment("iris", [(swap["id"], "Completed")], loser=old, winner=new)


def unloading(fleet: Fleet) -> Moment:
    """Past the point of no return: hosts wait for calls that came past the router."""
    old, new = fleet.serving("iris"), fleet.other("iris")
    path = f"/v2/models/iris/versions/{old}/infer"
    direct = [
        HeldRequest(host["url"], path, SAMPLE_REQUESTS["iris"]) for host in fleet.hosts.values()
    ]
    swap = _asked(fleet, "iris")
    fleet.reaches(swap["id"], "OldVersionDraining")
    eventually(
        lambda: all(
            fleet.on_host(host, "iris", old)["state"] == "unloading" for host in fleet.hosts
        ),
        what=f"{old} is being unloaded",
    )
    end = [(swap["id"], "Completed")]
    return Moment("iris", end, loser=old, winner=new, past_the_router=direct)


def rolling_back(fleet: Fleet) -> Moment:
    """A request runs on the new version, which is being left."""
    old, new = fleet.serving("iris"), fleet.other("iris")
    swap = _asked(
        fleet,
        "iris",
        strategy={"steps": [{"setWeight": 50}, {"pause": {}}]},
        drain_timeout_seconds=120,
    )
    fleet.reaches(swap["id"], "Transitioning")
    held = [_through_the_router(fleet, new)]
    answer = fleet.command(swap["id"], "rollback")
    assert answer.status_code == 202, answer.text
    fleet.reaches(swap["id"], "RollingBack")
    return Moment("iris", [(swap["id"], "RolledBack")], loser=new, winner=old, held=held)


MOMENTS: dict[str, Callable[[Fleet], Moment]] = {
    "NotStarted": not_started,
    "Loading": loading,
    "Transitioning": transitioning,
    "Draining": draining,
    "Bake": baking,
    "Unloading": unloading,
    "RollingBack": rolling_back,
}


def _asked(fleet: Fleet, model: str, **fields: object) -> dict[str, Any]:
    """A swap, asked for again while hosts are too busy to say what they have."""
    body = fleet.swap_body(model, **fields)

    def accepted() -> dict[str, Any] | None:
        answer = fleet.api.post("swaps", json=body)
        assert answer.status_code in {202, 503}, answer.text
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 202 else None

    return eventually(accepted, what=f"a swap of {model} is taken")


def _through_the_router(fleet: Fleet, version: str) -> HeldRequest:
    """Pinned to one version, and seen to run on one of the hosts."""

    def running() -> int:
        return sum(fleet.on_host(host, "iris", version)["in_flight"] for host in fleet.hosts)

    request = HeldRequest(
        fleet.stack.router_url,
        f"/v2/models/iris/versions/{version}/infer",
        SAMPLE_REQUESTS["iris"],
    )
    eventually(running, what=f"a request runs on {version}")
    return request


def end_of(fleet: Fleet, swap_id: str, seconds: float) -> dict[str, object]:
    """The swap as it is at its end, or after so many seconds; also while the API is away."""
    seen: dict[str, object] = {"state": "nobody knows", "phase": "", "waiting_for": ""}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError, ValueError):
            answer = fleet.api.get(f"swaps/{swap_id}")
            if answer.status_code == 200:
                seen = answer.json()
                if seen["phase"] == "completed":
                    break
        time.sleep(0.1)
    return seen
