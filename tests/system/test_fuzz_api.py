"""Whatever the API's document allows, and what it forbids: asked of a real server by each role.

No answer is a server's error, and none is one that the document does not declare: its status,
media type, headers, body, and its problem's code. What the document forbids is refused.
`make fuzz-api` asks more of it.
"""

import os
import unittest
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from swaps.access.roles import Role
from swaps.access.tokens import create_token
from swaps.api.examples import BODIES, SWAP_ID
from swaps.commands.swaps.strategies import create_strategy
from swaps.models import ApiToken
from tests.given.console_process import Console
from tests.integration.api.caller import a_person
from tests.integration.bundled_host.running import TOKEN, RunningHost, running_host
from tests.integration.engine.swapping import ADMINISTRATOR
from tests.integration.readings.rows import a_host, a_model, a_node, a_swap, acked, placed

# Of each call, by each role: so many that the document allows, and so many that it forbids.
EXAMPLES = int(os.environ.get("HOTSWAP_FUZZ_EXAMPLES", "2"))
# Nobody's own token is revoked by chance: those that are tried are small numbers.
FAR_AWAY = 10**15
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@dataclass
class Server:
    """A console process, and what is there by which path parameters can mean something."""

    address: str
    tokens: dict[Role, str]
    known: dict[str, list[str]]
    over: str  # a swap that has ended
    asked: int = 0
    answers: dict[int, int] = field(default_factory=dict)


class _Bearer(requests.auth.AuthBase):
    """Set last: what is generated may do without."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@pytest.fixture(scope="module")
def bundled_host(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHost]:
    with running_host(demo_models, tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture
def server(transactional_db: None, bundled_host: RunningHost, tmp_path: Path) -> Iterator[Server]:
    """What the document's examples name is there, and swaps in several states."""
    host = a_host("gpu-7", url=bundled_host.url, control_token=TOKEN)
    iris = a_model("iris", weights={"1.0": 100})
    placed(iris, "1.0", host)
    node = a_node("edge-1")
    acked(node, iris, 1)
    states = ("NotStarted", "Transitioning", "OldVersionDraining", "RollingBack", "Failed")
    swaps = [
        a_swap(a_model(f"model-{number}", weights={"1.0": 100}), state=state)
        for number, state in enumerate(states)
    ]
    over = a_swap(iris, id=SWAP_ID, state="Completed", end_time=timezone.now())
    create_strategy(actor=ADMINISTRATOR, name="careful", steps=[{"setWeight": 50}])
    olga = a_person("olga", Role.OPERATOR)
    spare = create_token(olga, name="spare", role=Role.VIEWER)[0]
    tokens = {role: create_token(a_person(f"{role}-1", role), name="x", role=role) for role in Role}
    for number, (row, _) in enumerate(tokens.values()):
        ApiToken.objects.filter(pk=row.pk).update(id=FAR_AWAY + number)
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("REQUESTS", "EXPORTS"):
            patch.setenv(f"HOTSWAP_{limit}_PER_MINUTE", "1000000")
        console = Console(tmp_path / "daphne.log")
        console.start()
    try:
        yield Server(
            console.address,
            {role: plaintext for role, (_, plaintext) in tokens.items()},
            {
                "model": ["iris", "model-1"],
                "version": ["1.0", "1.1", "9.9"],
                "swap_id": [str(over.pk), *(str(swap.pk) for swap in swaps)],
                "name": ["gpu-7", "careful", "canary"],
                "nonce": [node.nonce],
                "token_id": [str(spare.pk)],
                "username": ["olga"],
                "entry_id": ["1", "2"],
            },
            str(over.pk),
        )
    finally:
        console.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", list(Role))
def test_every_answer_is_declared_whatever_is_asked(role: Role, server: Server) -> None:
    schema = schemathesis.openapi.from_dict(_document(server))
    wrong: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:
            try:
                _ask(operation, mode, role, server)
            except (Exception, FailureGroup) as failure:  # and on to the other calls
                wrong.append(f"{operation.label} ({mode}): {type(failure).__name__}\n{failure}")
    told = ", ".join(f"{status}: {times}" for status, times in sorted(server.answers.items()))
    print(f"{role}: {server.asked} requests; {told}")
    assert not wrong, "\n\n".join(wrong)
    assert server.answers.get(200), "nothing was answered at all"
    assert 401 not in server.answers, "its token was lost on the way"


def _document(server: Server) -> dict[str, Any]:
    """Without its tokens: half of what it forbids would be a call that brings none."""
    document: dict[str, Any] = requests.get(
        f"{server.address}/api/v1/openapi.json", timeout=60
    ).json()
    del document["components"]["securitySchemes"]
    for calls in document["paths"].values():
        for call in calls.values():
            del call["security"]
    return document


def _ask(operation: Any, mode: GenerationMode, role: Role, server: Server) -> None:
    @seed(sum(map(ord, operation.label)))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def asked(case: Case, data: st.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            _mean_something(case, data, server)
        _wait_for_nothing(case, server)
        response = case.call(server.address, auth=_Bearer(server.tokens[role]))
        server.asked += 1
        server.answers[response.status_code] = server.answers.get(response.status_code, 0) + 1
        checks = [*CHECKS, _code_is_declared]
        if mode is GenerationMode.NEGATIVE:
            checks.append(negative_data_rejection)
        case.validate_response(response, checks=checks)

    try:
        asked()
    except (Unsatisfiable, unittest.SkipTest):
        pass  # nothing about this call can be wrong: it has no parameters


def _mean_something(case: Case, data: st.DataObject, server: Server) -> None:
    """Half of the time, names that exist, and the document's example as the body."""
    for name in case.path_parameters or {}:
        if data.draw(st.booleans()):
            case.path_parameters[name] = data.draw(st.sampled_from(server.known[name]))
    for media_type in case.operation.body:
        examples = [one for name, one in BODIES.items() if name in str(media_type.definition)]
        if examples and data.draw(st.booleans()):
            case.body = examples[0]


def _wait_for_nothing(case: Case, server: Server) -> None:
    query = case.query or {}
    for name in ("wait_seconds", "timeout_seconds"):
        if isinstance(query.get(name), int | float) and query[name] > 0:
            query[name] = min(query[name], 0.01) if query[name] <= 600 else query[name]
    path = case.path_parameters or {}
    if case.operation.path.endswith("/stream") and path.get("swap_id") in server.known["swap_id"]:
        path["swap_id"] = server.over  # that of an open one does not end


def _code_is_declared(_: object, response: Response, case: Case) -> None:
    declared = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    examples = declared.get("content", {}).get("application/problem+json", {}).get("examples", {})
    if response.status_code >= 400 and examples:
        code = response.json()["code"]
        assert code in examples, f"{response.status_code} {code} is not declared: {response.text}"
