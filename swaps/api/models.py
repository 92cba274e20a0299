"""Models, their versions, their line of swaps."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query as QueryOf
from ninja import Router
from pydantic import Field

from swaps.access.roles import Action
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.edits import IfMatch, revision_in
from swaps.api.problems import NotFound
from swaps.api.repeatable import repeatable
from swaps.api.schemas import (
    Body,
    CommandBody,
    Duration,
    Listing,
    Name,
    NamedQuery,
    Policy,
    Reason,
    SampleRequest,
    Strategy,
    Timeout,
)
from swaps.commands.errors import ModelNotFound, VersionNotFound
from swaps.commands.hosts.availability import hosts_of, hosts_with
from swaps.commands.models.edits import delete_model, update_model
from swaps.commands.registration import register_model
from swaps.commands.swaps.operations import release_queue, request_activation
from swaps.domain.names import name_problem
from swaps.models import ServedModel
from swaps.readings.model.models import (
    ModelReading,
    VersionOnHost,
    VersionReading,
    read_model,
    read_models,
)
from swaps.readings.swap.swaps import SwapReading, read_swap

router = Router(tags=["models"])


class ModelEdit(Body):
    """What is left out stays as it is; a `sample_request` of null is made from the host's
    metadata, a `default_strategy` of null is all at once.
    """

    sample_request: SampleRequest | None = None
    default_strategy: Strategy | None = None
    drain_timeout_seconds: Duration | None = None
    load_timeout_seconds: Timeout | None = None
    on_drain_timeout: Policy | None = None
    keep_warm_seconds: Duration | None = None


class NewModel(ModelEdit):
    """What is left out stands at its default."""

    name: Annotated[Name, Field(description="what clients call", examples=["iris"])]


class Activation(Body):
    target_hosts: Annotated[
        list[Name] | None,
        Field(min_length=1, max_length=1000, description="where to load it; by default everywhere"),
    ] = None
    reason: Reason = ""


class ModelQuery(NamedQuery):
    name_contains: Name | None = None
    host: Annotated[
        Name | None, Field(description="only models of which a version is to be loaded there")
    ] = None
    swapping: Annotated[
        bool | None, Field(description="only those with an open swap, or without one")
    ] = None


NULLABLE = {"sample_request", "default_strategy"}


@router.get(
    "/models",
    auth=Bearer(),
    response={200: Listing[ModelReading], **problems("invalid-request")},
    summary="Models, by name",
    description="Each with its versions, its route, its open swap and its line.",
)
def list_models(request: HttpRequest, query: QueryOf[ModelQuery]) -> HttpResponse:
    wanted = query.dict(include={"name_contains", "host", "swapping"})
    return answer_page(request, read_models(**wanted, **query.page, scope=actor_of(request).models))


@router.post(
    "/models",
    auth=Bearer(Action.MANAGE_MODELS),
    response={201: ModelReading, **problems("still-running", body=True)},
    summary="Register a model",
    description="Nothing is loaded: activate a version next.",
)
@repeatable()
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
    response={200: ModelReading, **problems("model-not-found")},
    summary="One model",
    description="Its `ETag` is of what can be edited, not of what serves.",
    url_name="model",
)
def show_model(request: HttpRequest, model: str) -> HttpResponse:
    return answer(_find(request, model))


@router.patch(
    "/models/{model}",
    auth=Bearer(Action.MANAGE_MODELS),
    response={200: ModelReading, **problems("model-not-found", "stale", body=True)},
    summary="Change a model",
    description="For swaps to come: those that were made keep what they have.",
)
def edit_model(
    request: HttpRequest, model: str, body: ModelEdit, if_match: IfMatch = None
) -> HttpResponse:
    given = {
        field: value
        for field, value in body.dict(exclude_unset=True).items()
        if value is not None or field in NULLABLE
    }
    update_model(actor=actor_of(request), name=model, if_match=revision_in(if_match), **given)
    return answer(_find(request, model))


@router.delete(
    "/models/{model}",
    auth=Bearer(Action.MANAGE_MODELS),
    response={204: None, **problems("model-not-found", "in-use", "stale", "invalid-request")},
    summary="Delete a model",
    description="Only one that serves nobody and has no open swap. The history of its swaps goes "
    "with it; the audit log stays.",
)
def remove_model(request: HttpRequest, model: str, if_match: IfMatch = None) -> HttpResponse:
    delete_model(actor=actor_of(request), name=model, if_match=revision_in(if_match))
    return HttpResponse(status=204)


@router.get(
    "/models/{model}/versions/{version}",
    auth=Bearer(),
    response={
        200: VersionReading,
        **problems("model-not-found", (404, "version-not-found"), "host-unreachable"),
    },
    summary="One version of a model",
    description="One that no row knows of is asked of the hosts, 2 s at most.",
)
def show_version(request: HttpRequest, model: str, version: str) -> HttpResponse:
    return answer(_find_version(_find(request, model), version))


@router.post(
    "/models/{model}/versions/{version}/activate",
    auth=Bearer(Action.ACTIVATE),
    response={
        202: SwapReading,
        200: VersionReading,
        **problems(
            "model-not-found",
            (404, "version-not-found"),
            "version-not-found",
            "already-active",
            "swap-in-progress",
            "still-running",
            "host-unreachable",
            body=True,
        ),
    },
    summary="Put a model's first version in place",
    description="A swap from nothing, without a load where it is loaded already. 200 when it "
    "serves all traffic already.",
)
@repeatable()
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
        found = hosts_with(model.name, version, hosts_of(model.name))
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
    response={
        200: ModelReading,
        **problems("model-not-found", "not-possible-now", "still-running", body=True),
    },
    summary="Let a held queue go on",
    description="After a swap that did not complete, what waits behind it is held.",
)
@repeatable()
def release(request: HttpRequest, model: str, body: CommandBody | None = None) -> HttpResponse:
    reason = (body or CommandBody()).reason
    release_queue(actor=actor_of(request), model_name=model, reason=reason)
    return answer(read_model(model))
