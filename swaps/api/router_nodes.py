"""The router's nodes."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from swaps.access.roles import Action
from swaps.api.answers import answer, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.repeatable import repeatable
from swaps.api.schemas import CommandBody
from swaps.commands.nodes.ending import retire_node, retire_runs
from swaps.readings.router.router import RouterReading, read_router

router = Router(tags=["fleet"])


@router.get(
    "/router",
    auth=Bearer(),
    response={200: RouterReading, **problems()},
    summary="The router's nodes, and what each has applied",
    description="An incarnation is one process of a node; one that is away blocks drains until "
    "it is back, was seen to end, or is retired.",
)
def show_router(request: HttpRequest) -> HttpResponse:
    return answer(read_router(scope=actor_of(request).models))


@router.post(
    "/router/nodes/{nonce}/retire",
    auth=Bearer(Action.RETIRE_NODE),
    response={
        200: RouterReading,
        **problems("node-not-found", "not-possible-now", "still-running", body=True),
    },
    summary="Vouch that a node has ended",
    description="Of one that is away, so that no drain waits for it. `nonce` is that of its "
    "incarnation, from `GET router`.",
)
@repeatable()
def retire(request: HttpRequest, nonce: str, body: CommandBody | None = None) -> HttpResponse:
    reason = (body or CommandBody()).reason
    retire_node(actor=actor_of(request), nonce=nonce, reason=reason)
    return answer(read_router())


@router.post(
    "/router/nodes/{node}/ended",
    auth=Bearer(Action.RETIRE_NODE),
    response={
        200: RouterReading,
        **problems("node-not-found", "not-possible-now", "still-running", body=True),
    },
    summary="Vouch that a node's machine has ended",
    description="For an autoscaler, once it has ended the machine: `node` is the name that its "
    "Envoys connect by. Every run of it that is away is retired, so that no drain waits for it. "
    "`409` with `Retry-After` while one is still connected: it lives. May be repeated.",
)
@repeatable()
def end_node(request: HttpRequest, node: str, body: CommandBody | None = None) -> HttpResponse:
    retire_runs(actor=actor_of(request), node_id=node, reason=(body or CommandBody()).reason)
    return answer(read_router())
