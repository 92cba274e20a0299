"""Model hosts."""

from typing import Annotated, Literal

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
from swaps.commands.hosts.checks import check_in_steps
from swaps.commands.hosts.edits import (
    IDLE,
    MOST_LOADS_AT_ONCE,
    delete_host,
    find_host,
    update_host,
)
from swaps.commands.registration import register_host
from swaps.domain.idle_timeouts import LONGEST_SECONDS, SHORTEST_SECONDS
from swaps.domain.texts import require_storable
from swaps.readings.host.hosts import (
    CheckedHostReading,
    ModelHostReading,
    checked_host,
    read_host,
    read_hosts,
)

router = Router(tags=["hosts"])

Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(require_storable),
    Field(description="base address", examples=["http://gpu-7.example.org:8001"]),
]
ControlToken = Annotated[
    str,
    StringConstraints(max_length=1000),
    AfterValidator(require_storable),
    Field(description="sent to the host with load and unload; never shown again"),
]
Kind = Annotated[Name, Field(description="which protocol it speaks", examples=["bundled"])]
LoadsAtOnce = Annotated[
    int, Field(ge=1, le=MOST_LOADS_AT_ONCE, description="so many loads may run there at once")
]


IdleTimeout = Annotated[
    float | None,
    Field(
        ge=SHORTEST_SECONDS,
        le=LONGEST_SECONDS,
        description="the router closes a connection to it after so long without a request; null: "
        "in half of the time that the host was measured to keep one. It must be shorter than the "
        "host's own limit: a request that meets the host's close on its way is lost",
    ),
]


class NewHost(Body):
    name: Annotated[Name, Field(examples=["gpu-7"])]
    kind: Kind
    url: Url
    control_token: ControlToken = ""
    max_concurrent_loads: LoadsAtOnce = 1
    idle_timeout_seconds: IdleTimeout = None


class HostEdit(Body):
    """What is left out stays as it is; but a stored token is not sent to another `url` or `kind`:
    with these give `control_token` again, or "" where none is needed. `idle_timeout_seconds` null
    takes back what was set.
    """

    kind: Kind | None = None
    url: Url | None = None
    control_token: ControlToken | None = None
    max_concurrent_loads: LoadsAtOnce | None = None
    idle_timeout_seconds: IdleTimeout = None


class HostQuery(NamedQuery):
    kind: Name | None = None
    health: Literal["unknown", "healthy", "unreachable"] | None = None
    model: Annotated[
        Name | None, Field(description="only hosts that have a version of it, loaded or not")
    ] = None


@router.get(
    "/hosts",
    auth=Bearer(),
    response={200: Listing[ModelHostReading], **problems("invalid-request")},
    summary="Hosts, by name",
    description="Each with its health, what it can do, and the versions seen on it.",
)
def list_hosts(request: HttpRequest, query: QueryOf[HostQuery]) -> HttpResponse:
    wanted = query.dict(include={"kind", "health", "model"})
    return answer_page(request, read_hosts(**wanted, **query.page, scope=actor_of(request).models))


@router.post(
    "/hosts",
    auth=Bearer(Action.MANAGE_HOSTS),
    response={201: ModelHostReading, **problems("still-running", body=True)},
    summary="Register a host",
    description="It is asked once who it is. One that is away is registered all the same, as "
    "unreachable.",
)
@repeatable()
def add_host(request: HttpRequest, body: NewHost) -> HttpResponse:
    host = register_host(actor=actor_of(request), **body.dict())
    return answer(
        read_host(host.name), status=201, location=reverse("api:host", kwargs={"name": host.name})
    )


@router.get(
    "/hosts/{name}",
    auth=Bearer(),
    response={200: ModelHostReading, **problems("host-not-found")},
    summary="One host",
    description="Its `ETag` is of what can be edited, not of what is observed.",
    url_name="host",
)
def show_host(request: HttpRequest, name: str) -> HttpResponse:
    return answer(_read(request, name))


@router.patch(
    "/hosts/{name}",
    auth=Bearer(Action.MANAGE_HOSTS),
    response={200: ModelHostReading, **problems("host-not-found", "in-use", "stale", body=True)},
    summary="Change a host",
    description="What is in use keeps its kind and address. A host that gets another address or "
    "credential is asked at once who it is.",
)
def edit_host(
    request: HttpRequest, name: str, body: HostEdit, if_match: IfMatch = None
) -> HttpResponse:
    given = {
        field: value
        for field, value in body.dict(exclude_unset=True).items()
        if value is not None or field == IDLE
    }
    update_host(actor=actor_of(request), name=name, if_match=revision_in(if_match), **given)
    return answer(_read(request, name))


@router.delete(
    "/hosts/{name}",
    auth=Bearer(Action.MANAGE_HOSTS),
    response={204: None, **problems("host-not-found", "in-use", "stale", "invalid-request")},
    summary="Delete a host",
    description="Only one that nothing uses. What is on that machine stays there.",
)
def remove_host(request: HttpRequest, name: str, if_match: IfMatch = None) -> HttpResponse:
    delete_host(actor=actor_of(request), name=name, if_match=revision_in(if_match))
    return HttpResponse(status=204)


@router.post(
    "/hosts/{name}/check",
    auth=Bearer(Action.MANAGE_HOSTS),
    response={
        200: CheckedHostReading,
        **problems("host-not-found", "still-running", "invalid-request"),
    },
    summary="Ask a host who it is, now",
    description="Its `health` says what it answered, and `checks` each step of the way there, with "
    "what to do about one that failed.",
)
@repeatable()
def check_host(request: HttpRequest, name: str) -> HttpResponse:
    checks = check_in_steps(actor=actor_of(request), name=name)
    return answer(checked_host(_read(request, name), checks))


def _read(request: HttpRequest, name: str) -> ModelHostReading:
    return read_host(find_host(name).name, scope=actor_of(request).models)
