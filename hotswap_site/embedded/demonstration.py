"""What the demo shows: first versions activated, then one real swap, with a report.

On a home where a run before was ended in the midst, that one's swap is the one it shows.
"""

import json
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from hotswap_site.embedded.errors import EmbeddedError
from swaps.domain.states import END_STATES

FIRST_VERSION = "1.0"
SECOND_VERSION = "1.1"
MODELS = ("iris", "slow")
# Generous: a shared machine of two cores may be busy with other things.
PATIENCE_SECONDS = 120.0
BEFORE_AND_AFTER_SECONDS = 1.5


class StillOpen(EmbeddedError):
    """A swap has not ended after a long time; the message says what it waits for."""


class Demonstration:
    def __init__(
        self,
        console_url: str,
        router_url: str,
        token: str,
        *,
        say: Callable[[str], None],
        traffic_socket: Path | None,
    ) -> None:
        self._api = httpx.Client(
            base_url=f"{console_url}/api/v1/",
            headers={"authorization": f"Bearer {token}"},
            timeout=15,
            trust_env=False,
        )
        self._router_url = router_url
        self._say = say
        self._traffic_socket = traffic_socket

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def activate_first_versions(self) -> None:
        """Every model of the demo serves, the first time with its first version."""
        swaps = {}
        for model in MODELS:
            found = self._get(f"models/{model}")
            if found["route"]["weights"]:
                continue
            self._say(f"activating {model} {FIRST_VERSION}")
            # One that a run before began goes on by itself.
            swaps[model] = (
                found["open_swap"]
                or self._post(f"models/{model}/versions/{FIRST_VERSION}/activate")["id"]
            )
        for model, swap_id in swaps.items():
            done = self._follow(swap_id, f"activation of {model}", show=False)
            if done["state"] != "Completed":
                raise EmbeddedError(
                    f"the activation of {model} ended {done['state']}: {done['error_message']}"
                )
        for model in MODELS:
            self._wait_until_it_answers(model)
            self._say(f"{model} answers at {self._router_url}/v2/models/{model}/infer")

    def swap(self, model: str) -> bool:
        """Swap to the other version under traffic, and report. Returns whether all was well.

        A swap that is open already, left by a run that was stopped or killed, is gone on with.
        """
        found = self._get(f"models/{model}")
        if found["open_swap"]:
            return self._go_on(model, found["open_swap"])
        old = next(iter(found["route"]["weights"]))
        new = SECOND_VERSION if old == FIRST_VERSION else FIRST_VERSION
        began_ns = time.time_ns()
        if self._traffic_socket:
            time.sleep(BEFORE_AND_AFTER_SECONDS)
        self._say(f"swapping {model} {old} → {new}, with both hosts serving")
        swap = self._post(
            "swaps",
            json={
                "model_name": model,
                "from_version": old,
                "to_version": new,
                "reason": "the demonstration",
            },
        )
        done = self._follow(swap["id"], f"swap of {model}", show=True)
        if done["state"] != "Completed":
            raise EmbeddedError(
                f"the swap of {model} ended {done['state']}: {done['error_message']}"
            )
        if self._traffic_socket:
            time.sleep(BEFORE_AND_AFTER_SECONDS)
        return self._report(done, model, old, began_ns)

    def _go_on(self, model: str, swap_id: str) -> bool:
        """Where it leads is for its strategy, and whoever asked for it, to say."""
        began_ns = time.time_ns()
        swap = self._get(f"swaps/{swap_id}")
        old = swap["from_version"]
        self._say(f"going on with the swap of {model} {old} → {swap['to_version']} found open")
        try:
            done = self._follow(swap_id, f"swap of {model}", show=True)
        except StillOpen as waits:
            self._say(str(waits))
            return False
        if done["state"] != "Completed":
            self._say(f"{model} {old} → {swap['to_version']}: {done['state']}")
            return False
        if self._traffic_socket:
            time.sleep(BEFORE_AND_AFTER_SECONDS)
        return self._report(done, model, old, began_ns)

    def _report(self, swap: dict[str, Any], model: str, old: str, began_ns: int) -> bool:
        events = self._get(f"swaps/{swap['id']}/events")["items"]
        proven = next(e for e in events if (e.get("data") or {}).get("point_of_no_return"))
        timings = swap["timings"]
        lines = [f"{model} {old} → {swap['to_version']}: {swap['state']}"]
        good: bool = swap["state"] == "Completed"
        if self._traffic_socket:
            since = self._ask(after_ns=began_ns, model=model)
            late = self._ask(after_ns=_nanoseconds(proven["time"]), model=model)
            after = late["served_after"].get(old, 0)
            good = good and since["failed"] == 0 and after == 0 and since["sent"] > 0
            lines += [
                f"requests sent                       {since['sent']}",
                f"failed                              {since['failed']}",
                f"answers of {old} after its proof       {after}",
            ]
            lines += [f"  {failure}" for failure in since["failures"]]
        lines += [
            f"routing update                      {_number(timings['routing_update_ms'])} ms",
            f"swap overhead                       {_number(timings['overhead_ms'])} ms",
            f"load and warm-up                    {_number(_ms(timings['load_seconds']))} ms",
        ]
        for line in lines:
            self._say(line)
        return good

    # -- talking to Hotswap, to the router, and to the traffic client --

    def _follow(self, swap_id: str, what: str, *, show: bool) -> dict[str, Any]:
        """Until it is over. Asked ten times a second: the two cores have better things to do."""
        shown = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            events = self._get(f"swaps/{swap_id}/events")["items"]
            for event in events[shown:] if show else ():
                self._say(f"  {event['time'][11:23]}  {event['to_state']:<20} {event['reason']}")
            shown = len(events)
            if events[-1]["to_state"] in END_STATES:
                return self._get(f"swaps/{swap_id}")
            if time.monotonic() > deadline:
                swap = self._get(f"swaps/{swap_id}")
                raise StillOpen(f"the {what} is still {swap['state']}: {swap['waiting_for']}")
            time.sleep(0.1)

    def _wait_until_it_answers(self, model: str) -> None:
        body = self._get(f"models/{model}")["sample_request"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = httpx.post(
                    f"{self._router_url}/v2/models/{model}/infer",
                    json=body,
                    timeout=60,
                    trust_env=False,
                )
                if answer.status_code == 200:
                    return
                last = f"{answer.status_code} {answer.text[:200]}"
            except httpx.HTTPError as error:
                last = repr(error)
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{model} does not answer through the router: {last}")
            time.sleep(0.2)

    def _ask(self, **question: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self._traffic_socket))
            client.sendall(json.dumps(question).encode() + b"\n")
            answer: dict[str, Any] = json.loads(client.makefile("rb").readline())
        return answer

    def _get(self, path: str) -> dict[str, Any]:
        return self._answer(self._api.get(path))

    def _post(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return self._answer(self._api.post(path, **kwargs))

    def _answer(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_error:
            raise EmbeddedError(
                f"{answer.request.method} {answer.request.url.path} was answered "
                f"{answer.status_code}: {answer.text[:500]}"
            )
        found: dict[str, Any] = answer.json()
        return found


def _nanoseconds(time_text: str) -> int:
    return int(datetime.fromisoformat(time_text).timestamp() * 1_000_000_000)


def _number(milliseconds: float | None) -> str:
    return "not known" if milliseconds is None else f"{milliseconds:.1f}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
