"""Models and their versions."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router

from swaps.access.roles import Action
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.problems import NotFound
from swaps.api.schemas import Activation, CommandBody, Listing, NewModel, PageQuery
from swaps.domain.names import name_problem
from swaps.engine.commands import release_queue, request_activation
from swaps.engine.errors import ModelNotFound, VersionNotFound
from swaps.engine.presence import hosts_with
from swaps.engine.registration import register_model
from swaps.models import ModelHost, ServedModel
from swaps.readings.models import (
    ModelReading,
    VersionOnHost,
    VersionReading,
    read_model,
    read_models,
)
from swaps.readings.swaps import SwapReading, read_swap

router = Router(tags=["models"])


@router.get("/models", auth=Bearer(), response={200: Listing[ModelReading], **problems(422)})
def list_models(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    page = read_models(scope=actor_of(request).models, cursor=query.cursor, limit=query.limit)
    return answer_page(request, page)


@router.post(
    "/models",
    auth=Bearer(Action.MANAGE_MODELS),
    response={201: ModelReading, **problems(400, 422)},
    summary="Register a model",
)
def add_model(request: HttpRequest, body: NewModel) -> HttpResponse:
    given = {field: value for field, value in body.dict().items() if value is not None}
    model = register_model(actor=actor_of(request), **given)
    return answer(
        read_model(model.name),
        status=201,
        location=reverse("api:model", kwargs={"model": model.name}),
    )


@router.get(
    "/models/{model}",
    auth=Bearer(),
    response={200: ModelReading, **problems(404)},
    url_name="model",
)
def show_model(request: HttpRequest, model: str) -> HttpResponse:
    return answer(_find(request, model))


@router.get(
    "/models/{model}/versions/{version}",
    auth=Bearer(),
    response={200: VersionReading, **problems(404, 503)},
)
def show_version(request: HttpRequest, model: str, version: str) -> HttpResponse:
    return answer(_find_version(_find(request, model), version))


@router.post(
    "/models/{model}/versions/{version}/activate",
    auth=Bearer(Action.ACTIVATE),
    response={202: SwapReading, 200: VersionReading, **problems(400, 404, 409, 422, 503)},
    summary="Put a model's first version in place",
)
def activate(
    request: HttpRequest, model: str, version: str, body: Activation | None = None
) -> HttpResponse:
    body = body or Activation()
    name = _find(request, model).name
    swap = request_activation(
        actor=actor_of(request),
        model_name=name,
        version=version,
        target_hosts=body.target_hosts,
        reason=body.reason,
    )
    if swap is None:
        return answer(_find_version(_find(request, name), version))
    return answer(
        read_swap(swap, scope=actor_of(request).models),
        status=202,
        location=reverse("api:swap", kwargs={"swap_id": swap.pk}),
    )


def _find(request: HttpRequest, name: str) -> ModelReading:
    """What cannot be a name is no model's: the database is not even asked."""
    if name_problem(name, of="model") is None:
        try:
            return read_model(name, scope=actor_of(request).models)
        except ServedModel.DoesNotExist:
            pass
    raise ModelNotFound(f"no model {name!r} is registered")


def _find_version(model: ModelReading, version: str) -> VersionReading:
    for known in model.versions:
        if known.version == version:
            return known
    # No row says so: it may have been put on a host since anybody looked.
    if name_problem(version, of="version") is None:
        found = hosts_with(model.name, version, list(ModelHost.objects.all()))
        if found:
            places = [
                VersionOnHost(host, seen.status.value, "absent", seen.reason)
                for host, seen in sorted(found.items())
            ]
            return VersionReading(version, False, 0, None, places, None)
    raise NotFound(VersionNotFound.code, f"no host has version {version!r} of {model.name}")


@router.post(
    "/models/{model}/queue/release",
    auth=Bearer(Action.RELEASE_QUEUE),
    response={200: ModelReading, **problems(400, 404, 409, 422)},
    summary="Let a line go on that was held after a swap which did not complete",
)
def release(request: HttpRequest, model: str, body: CommandBody | None = None) -> HttpResponse:
    reason = (body or CommandBody()).reason
    release_queue(actor=actor_of(request), model_name=model, reason=reason)
    return answer(read_model(model))
