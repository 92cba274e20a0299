"""Strategies by name."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query as QueryOf
from ninja import Router
from pydantic import AfterValidator, Field, StringConstraints

from swaps.access.roles import Action
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.edits import IfMatch, revision_in
from swaps.api.repeatable import repeatable
from swaps.api.schemas import Body, Listing, Name, NamedQuery
from swaps.commands.swaps.strategies import create_strategy, delete_strategy, update_strategy
from swaps.domain.strategies import MAX_STEPS
from swaps.domain.texts import require_storable
from swaps.readings.swap.strategies import StepJson, StrategyReading, read_strategies, read_strategy

router = Router(tags=["strategies"])

Steps = Annotated[
    list[StepJson],
    Field(
        min_length=1,
        max_length=MAX_STEPS,
        description="in the words of Argo Rollouts; a last step of 100 % is added where it lacks",
        examples=[
            [{"setWeight": 5}, {"pause": {"duration": 60}}, {"setWeight": 50}, {"pause": {}}]
        ],
    ),
]
Header = Annotated[
    str,
    StringConstraints(max_length=63),
    AfterValidator(require_storable),
    Field(description="whose value decides which version a caller gets", examples=["x-user"]),
]
Words = Annotated[str, StringConstraints(max_length=500), AfterValidator(require_storable)]


class StrategyEdit(Body):
    """What is left out stays as it is."""

    steps: Steps | None = None
    sticky_header: Header | None = None
    description: Words | None = None


class NewStrategy(Body):
    name: Annotated[Name, Field(examples=["careful"])]
    steps: Steps
    sticky_header: Header = ""
    description: Words = ""


@router.get(
    "/strategies",
    auth=Bearer(),
    response={200: Listing[StrategyReading], **problems("invalid-request")},
    summary="Strategies, by name",
    description="The ready-made ones and those that administrators named.",
)
def list_strategies(request: HttpRequest, query: QueryOf[NamedQuery]) -> HttpResponse:
    return answer_page(request, read_strategies(**query.page, scope=actor_of(request).models))


@router.post(
    "/strategies",
    auth=Bearer(Action.MANAGE_STRATEGIES),
    response={201: StrategyReading, **problems("still-running", body=True)},
    summary="Give steps a name",
    description="A swap that names it keeps the steps it stood for when it was made.",
)
@repeatable()
def add_strategy(request: HttpRequest, body: NewStrategy) -> HttpResponse:
    named = create_strategy(actor=actor_of(request), **body.dict())
    return answer(
        read_strategy(named.name),
        status=201,
        location=reverse("api:strategy", kwargs={"name": named.name}),
    )


@router.get(
    "/strategies/{name}",
    auth=Bearer(),
    response={200: StrategyReading, **problems("strategy-not-found")},
    summary="One strategy",
    description="With the models that follow it.",
    url_name="strategy",
)
def show_strategy(request: HttpRequest, name: str) -> HttpResponse:
    return answer(read_strategy(name, scope=actor_of(request).models))


@router.patch(
    "/strategies/{name}",
    auth=Bearer(Action.MANAGE_STRATEGIES),
    response={200: StrategyReading, **problems("strategy-not-found", "stale", body=True)},
    summary="Change a strategy",
    description="For swaps to come, of the models whose default it is as well. Ready-made ones "
    "cannot be changed.",
)
def edit_strategy(
    request: HttpRequest, name: str, body: StrategyEdit, if_match: IfMatch = None
) -> HttpResponse:
    given = {field: value for field, value in body.dict().items() if value is not None}
    update_strategy(actor=actor_of(request), name=name, if_match=revision_in(if_match), **given)
    return answer(read_strategy(name))


@router.delete(
    "/strategies/{name}",
    auth=Bearer(Action.MANAGE_STRATEGIES),
    response={204: None, **problems("strategy-not-found", "in-use", "stale", "invalid-request")},
    summary="Delete a strategy",
    description="Only one that is no model's default.",
)
def remove_strategy(request: HttpRequest, name: str, if_match: IfMatch = None) -> HttpResponse:
    delete_strategy(actor=actor_of(request), name=name, if_match=revision_in(if_match))
    return HttpResponse(status=204)
