"""Records what the command line's unit tests are answered: every call made of a real server.

`make record-answers` runs it; a look at the difference then tells what changed in the API.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from httpx_sse import connect_sse

from tests.system.cli.command_line import comes_to
from tests.system.cli.normalising import Normaliser
from tests.system.fleet import PATIENCE_SECONDS, Fleet, eventually
from tests.unit.cli.recorded import EVENT_STREAM, Answer

KEPT_HEADERS = ("Content-Type", "ETag", "Retry-After")
JSON = {"application/json", "application/problem+json"}
STEPS = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
HELD = {"steps": STEPS}


@dataclass
class Recorder:
    fleet: Fleet
    kept: dict[str, Answer] = field(default_factory=dict)

    def __call__(
        self, name: str, method: str, path: str, body: Any = None, *, role: str = "administrator"
    ) -> Any:
        """Make the call, keep its answer under `name`; returns the document."""
        answer = self.fleet.api.request(
            method,
            path,
            json=body,
            headers={"Authorization": f"Bearer {self.fleet.tokens.get(role, role)}"},
            timeout=PATIENCE_SECONDS,
        )
        headers = {one: answer.headers[one] for one in KEPT_HEADERS if one in answer.headers}
        content: Any = answer.text or None
        if headers.get("Content-Type", "").partition(";")[0] in JSON:
            content = answer.json()
        wanted = int(name.partition("/")[2][:3]) if name.startswith("refusals/") else 200
        assert answer.status_code // 100 == wanted // 100, (name, answer.text)
        assert wanted in {200, answer.status_code}, (name, answer.text)
        plain_path = path.partition("?")[0]
        self.kept[name] = Answer(method, plain_path, answer.status_code, headers, content)
        return content

    @contextmanager
    def following(self, name: str, swap_id: str) -> Iterator[None]:
        """Keeps what the swap's stream says until its end, which has come when the block ends."""
        path = f"swaps/{swap_id}/stream"
        said: list[dict[str, Any]] = []

        def follow() -> None:
            with connect_sse(self.fleet.api, "GET", path, timeout=PATIENCE_SECONDS) as source:
                for sent in source.iter_sse():
                    if sent.event == "message":  # when to come back; there is nothing in it
                        continue
                    # Progress comes with every change of a count: one of them shows them all.
                    if sent.event == "progress" and said and said[-1]["event"] == "progress":
                        said.pop()
                    data = {"event": sent.event, "id": sent.id or None, "data": sent.json()}
                    said.append(data if sent.event != "progress" else data | {"id": None})
                    if sent.event == "end":
                        return

        follower = threading.Thread(target=follow)
        follower.start()
        yield
        follower.join(PATIENCE_SECONDS)
        assert not follower.is_alive(), f"no end of {swap_id} was told: {said}"
        headers = {"Content-Type": EVENT_STREAM}
        self.kept[name] = Answer("GET", path, 200, headers, said)

    def write(self) -> None:
        """All of them, once every time is known."""
        normal = Normaliser([one.path, one.headers, one.body] for one in self.kept.values())
        for name, one in self.kept.items():
            path, headers, body = normal(one.path), normal(one.headers), normal(one.body)
            replace(one, path=path, headers=headers, body=body).keep(name)


def test_record_answers(fleet: Fleet) -> None:
    keep = Recorder(fleet)
    for record in (
        record_refusals,
        record_hosts,
        record_models,
        record_strategies,
        record_people,
        record_router,
        record_a_completed_swap,
        record_a_swap_in_each_state,
        record_other_ends,
        record_a_protected_model,
        record_an_activation,
        record_audit,
    ):
        record(keep, fleet)
    keep.write()


def record_refusals(keep: Recorder, fleet: Fleet) -> None:
    swap = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
    keep("refusals/401", "GET", "me", role="hs_nobody_knows_this_one")
    keep("refusals/403", "POST", "swaps", swap, role="viewer")
    keep("refusals/404-model", "GET", "models/tulip")
    keep("refusals/404-host", "GET", "hosts/tulip")
    keep("refusals/422-version", "POST", "swaps", swap | {"to_version": "9.9"})
    keep("refusals/422-field", "PATCH", "models/iris", {"on_drain_timeout": "pray"})
    keep("refusals/409-host-in-use", "DELETE", "hosts/alpha")


def record_hosts(keep: Recorder, fleet: Fleet) -> None:
    real = fleet.hosts["alpha"]
    keep("hosts/list", "GET", "hosts")
    keep("hosts/show", "GET", "hosts/alpha")
    new = {"name": "delta", "url": real["url"], "control_token": real["control_token"]}
    keep("hosts/add", "POST", "hosts", new | {"kind": "bundled"})
    keep("hosts/delta", "GET", "hosts/delta")
    keep("hosts/edit", "PATCH", "hosts/delta", {"max_concurrent_loads": 3})
    keep("hosts/check-healthy", "POST", "hosts/delta/check")
    token = real["control_token"]
    keep(
        "hosts/move", "PATCH", "hosts/delta", {"url": "http://127.0.0.1:9", "control_token": token}
    )
    keep("hosts/check-unreachable", "POST", "hosts/delta/check")
    swap = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
    keep("refusals/503-host-unreachable", "POST", "swaps", swap | {"target_hosts": ["delta"]})
    keep("hosts/remove", "DELETE", "hosts/delta")


def record_models(keep: Recorder, fleet: Fleet) -> None:
    keep("models/list", "GET", "models")
    keep("models/show", "GET", "models/iris")
    keep("models/add", "POST", "models", {"name": "tulip", "drain_timeout_seconds": 120})
    keep("models/tulip", "GET", "models/tulip")
    keep("models/edit", "PATCH", "models/tulip", {"default_strategy": "canary"})
    keep("models/remove", "DELETE", "models/tulip")


def record_strategies(keep: Recorder, fleet: Fleet) -> None:
    steps = [{"setWeight": 10}, {"pause": {"duration": 5}}]
    keep("strategies/list", "GET", "strategies")
    keep("strategies/add", "POST", "strategies", {"name": "careful", "steps": steps})
    keep("strategies/show", "GET", "strategies/careful")
    keep("strategies/edit", "PATCH", "strategies/careful", {"sticky_header": "x-user"})
    keep("strategies/remove", "DELETE", "strategies/careful")


def record_people(keep: Recorder, fleet: Fleet) -> None:
    keep("people/me", "GET", "me")
    made = keep("tokens/create", "POST", "tokens", {"name": "ci", "role": "operator"})
    scoped = {"name": "pipeline", "role": "operator", "models": ["iris"]}
    narrow = keep("tokens/create-scoped", "POST", "tokens", scoped)
    keep("people/me-scoped", "GET", "me", role=narrow["token"])
    keep("tokens/revoke", "DELETE", f"tokens/{made['id']}")
    keep("tokens/list", "GET", "tokens?user=the-administrator")
    grace = {"username": "grace", "role": "operator", "password": "a phrase nobody guesses"}
    keep("users/create", "POST", "users", grace)
    weak = {"username": "joan", "role": "viewer", "password": "joan"}
    keep("refusals/422-password", "POST", "users", weak)
    keep("users/show", "GET", "users/grace")
    keep("users/edit", "PATCH", "users/grace", {"role": "viewer"})
    keep("users/disable", "PATCH", "users/grace", {"active": False})
    keep("users/list", "GET", "users")
    keep("users/enable", "PATCH", "users/grace", {"active": True})


def record_router(keep: Recorder, fleet: Fleet) -> None:
    shown = keep("router/show", "GET", "router")
    nonce = shown["nodes"][0]["nonce"]
    keep("refusals/409-node-lives", "POST", f"router/nodes/{nonce}/retire", {"reason": "a slip"})
    # A node that went away, and whose end nobody saw.
    row = "node_id='edge-2', nonce='edge-2-gone', state='away'"
    script = f"from swaps.models import NodeIncarnation as N; N.objects.create({row})"
    fleet.stack.manage("shell", "-c", script)
    keep("router/retire", "POST", "router/nodes/edge-2-gone/retire", {"reason": "it burnt down"})


def record_a_completed_swap(keep: Recorder, fleet: Fleet) -> None:
    swap = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
    begun = keep("swaps/start", "POST", "swaps", swap | {"strategy": HELD, "reason": "October"})
    path = f"swaps/{begun['id']}"
    with keep.following("swaps/completed-stream", begun["id"]):
        holds_at(fleet, path, 20)
        keep("swaps/transitioning", "GET", path)
        keep("swaps/transitioning-events", "GET", f"{path}/events")
        keep("models/in-transition", "GET", "models/iris")
        keep("refusals/409-swap-in-progress", "POST", "swaps", swap)
        keep("swaps/pause", "POST", f"{path}/pause", {"reason": "lunch"})
        keep("swaps/paused", "GET", path)
        keep("swaps/resume", "POST", f"{path}/resume")
        keep("swaps/promote", "POST", f"{path}/promote", {"seen": {"step_index": 1}})
        holds_at(fleet, path, 60)
        late = {"seen": {"step_index": 1}}
        keep("refusals/409-past-step", "POST", f"{path}/promote", late)
        keep("swaps/promote-full", "POST", f"{path}/promote", {"full": True})
    keep("swaps/completed", "GET", path)
    keep("swaps/completed-events", "GET", f"{path}/events")
    keep("refusals/409-over", "POST", f"{path}/cancel")
    back = keep("swaps/rollback-of-completed", "POST", f"{path}/rollback", {"of_rollback": True})
    with keep.following("swaps/reverse-stream", back["id"]):
        pass
    keep("swaps/reverse-completed", "GET", f"swaps/{back['id']}")


def record_a_swap_in_each_state(keep: Recorder, fleet: Fleet) -> None:
    swap = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
    begun = fleet.start_swap("iris", strategy=HELD)
    path = f"swaps/{begun['id']}"
    holds_at(fleet, path, 20)
    behind = swap | {"from_version": "1.1", "to_version": "1.0", "when_busy": "queue"}
    queued = [keep("swaps/queued", "POST", "swaps", behind)["id"]]
    queued.append(fleet.api.post("swaps", json=swap | {"when_busy": "queue"}).json()["id"])
    keep("models/with-a-queue", "GET", "models/iris")
    keep("swaps/cancel", "POST", f"swaps/{queued[1]}/cancel", {"reason": "not today"})
    with keep.following("swaps/rolled-back-stream", begun["id"]):
        keep("swaps/rollback", "POST", f"{path}/rollback", {"reason": "too many errors"})
    keep("swaps/rolled-back", "GET", path)
    keep("models/with-a-held-queue", "GET", "models/iris")
    keep("models/queue-release", "POST", "models/iris/queue/release", {"reason": "go on"})
    fleet.reaches(queued[0], "Failed")

    begun = fleet.start_swap("iris", keep_warm_seconds=600)
    path = f"swaps/{begun['id']}"
    comes_to(fleet, "iris", "OldVersionDraining")
    keep("swaps/draining", "GET", path)
    keep("swaps/extend-drain", "POST", f"{path}/extend-drain", {"seconds": 300})
    refused = keep("refusals/403-force-unload", "POST", f"{path}/force-unload", role="operator")
    assert refused["status"] == 403, refused
    seen = {"state": "OldVersionDraining"}
    keep("swaps/force-unload", "POST", f"{path}/force-unload", {"reason": "fire", "seen": seen})
    fleet.finished(begun["id"], "Completed")
    fleet.finished(fleet.start_swap("iris")["id"], "Completed")


def record_other_ends(keep: Recorder, fleet: Fleet) -> None:
    begun = fleet.start_swap("iris", to_version="1.2")
    with keep.following("swaps/failed-stream", begun["id"]):
        pass
    keep("swaps/failed", "GET", f"swaps/{begun['id']}")
    keep("swaps/list", "GET", "swaps?limit=3")
    # What is being rolled back waits for the requests that the new version still executes.
    begun = fleet.start_swap("slow", strategy=HELD, drain_timeout_seconds=600)
    path = f"swaps/{begun['id']}"
    holds_at(fleet, path, 20)
    with fleet.traffic(1, "slow", most_in_flight=6):
        eventually(lambda: fleet.get(path)["in_flight"]["to"], what="requests on the new version")
        fleet.command(begun["id"], "rollback")
        fleet.reaches(begun["id"], "RollingBack")
        keep("swaps/rolling-back", "GET", path)
        keep("swaps/roll-forward", "POST", f"{path}/roll-forward", {"reason": "it was fine"})
    fleet.finished(begun["id"], "Completed")


def record_a_protected_model(keep: Recorder, fleet: Fleet) -> None:
    keep("models/protect", "POST", "models/iris/protect", {"reason": "it earns money"})
    fields = {"model_name": "iris", "from_version": fleet.serving("iris")}
    swap = fields | {"to_version": fleet.other("iris")}
    first = keep("swaps/start-protected", "POST", "swaps", swap | {"reason": "October"})
    path = f"swaps/{first['id']}"
    keep("swaps/waits-for-approval", "GET", path)
    digest = first["approval"]["inputs_digest"]
    stale = {"inputs_digest": "0" * 64}
    keep("refusals/412-stale-approval", "POST", f"{path}/approve", stale, role="operator")
    body = {"inputs_digest": digest, "reason": "looked at it"}
    keep("swaps/approve", "POST", f"{path}/approve", body, role="operator")
    fleet.finished(first["id"], "Completed")
    second = fleet.start_swap("iris")
    no = {"reason": "not on a Friday"}
    keep("swaps/reject", "POST", f"swaps/{second['id']}/reject", no, role="operator")
    with keep.following("swaps/cancelled-stream", second["id"]):
        pass
    keep("swaps/cancelled", "GET", f"swaps/{second['id']}")
    keep("models/unprotect", "POST", "models/iris/unprotect", {"reason": "over"})
    keep("models/unprotected", "POST", "models/iris/unprotect", {}, role="second")


def record_an_activation(keep: Recorder, fleet: Fleet) -> None:
    for repository in fleet.repositories.values():
        shutil.copytree(repository / "iris", repository / "lily")
    sample = fleet.get("models/iris")["sample_request"]
    added = fleet.api.post("models", json={"name": "lily", "sample_request": sample})
    assert added.status_code == 201, added.text
    eventually(lambda: fleet.get("models/lily")["versions"], what="the versions of lily")
    begun = keep("models/activate", "POST", "models/lily/versions/1.0/activate", {})
    fleet.finished(begun["id"], "Completed")
    keep("models/activate-again", "POST", "models/lily/versions/1.0/activate", {})


def record_audit(keep: Recorder, fleet: Fleet) -> None:
    shown = keep("audit/list", "GET", "audit?limit=3")
    first = fleet.get("audit?actor=the-viewer&outcome=refused&limit=1")["items"][0]["id"]

    def sealed() -> bool:
        return bool(fleet.get(f"audit/{first}")["proof"]["state"] == "sealed")

    eventually(sealed, what="the entry is sealed")
    keep("audit/show-sealed", "GET", f"audit/{first}")
    latest = fleet.get("audit?limit=1")["items"][0]["id"]
    assert latest >= shown["items"][0]["id"]
    keep("refusals/404-audit-entry", "GET", "audit/999999999")
    keep("audit/export", "GET", "audit/export?format=jsonl&action=manage-hosts")


def holds_at(fleet: Fleet, path: str, weight: int) -> None:
    def look() -> bool:
        swap = fleet.get(path)
        applied = swap["weights"]["applied"] or {}
        return bool(applied.get(swap["to_version"]) == weight)

    eventually(look, what=f"{path} holds at {weight} %")
