"""Model hosts."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router

from swaps.access.roles import Action
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.schemas import Listing, NewHost, PageQuery
from swaps.domain.names import name_problem
from swaps.engine.errors import HostNotFound
from swaps.engine.host_checks import check_again
from swaps.engine.registration import register_host
from swaps.models import ModelHost
from swaps.readings.hosts import ModelHostReading, read_host, read_hosts

router = Router(tags=["hosts"])


@router.get("/hosts", auth=Bearer(), response={200: Listing[ModelHostReading], **problems(422)})
def list_hosts(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    page = read_hosts(scope=actor_of(request).models, cursor=query.cursor, limit=query.limit)
    return answer_page(request, page)


@router.post(
    "/hosts",
    auth=Bearer(Action.MANAGE_HOSTS),
    response={201: ModelHostReading, **problems(400, 422)},
    summary="Register a host; it is asked once who it is",
)
def add_host(request: HttpRequest, body: NewHost) -> HttpResponse:
    host = register_host(actor=actor_of(request), **body.dict())
    return answer(
        read_host(host.name), status=201, location=reverse("api:host", kwargs={"name": host.name})
    )


@router.get(
    "/hosts/{name}",
    auth=Bearer(),
    response={200: ModelHostReading, **problems(404)},
    url_name="host",
)
def show_host(request: HttpRequest, name: str) -> HttpResponse:
    return answer(_find(request, name))


@router.post(
    "/hosts/{name}/check",
    auth=Bearer(Action.MANAGE_HOSTS),
    response={200: ModelHostReading, **problems(404)},
    summary="Ask a host who it is, now; its health says what it answered",
)
def check_host(request: HttpRequest, name: str) -> HttpResponse:
    check_again(actor=actor_of(request), name=_find(request, name).name)
    return answer(_find(request, name))


def _find(request: HttpRequest, name: str) -> ModelHostReading:
    if name_problem(name, of="host") is None:
        try:
            return read_host(name, scope=actor_of(request).models)
        except ModelHost.DoesNotExist:
            pass
    raise HostNotFound(f"no host {name!r} is registered")
