"""The API itself: what it promises in OpenAPI, and what it answers to what it doesn't know."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.urls.resolvers import URLResolver
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from swaps.access.roles import least_role
from swaps.api import (
    approvals,
    audit,
    drainage,
    hosts,
    models,
    router_nodes,
    strategies,
    stream,
    swaps,
    tokens,
    users,
)
from swaps.api.bearer import Bearer, say_rate
from swaps.api.docs import docs
from swaps.api.document import INFO, complete
from swaps.api.problems import answer_problems, method_not_allowed, no_such_path
from swaps.domain.texts import read_json

DOCUMENT = "openapi-json"


class JsonBody(Parser):
    """What can be read at all; what a field may hold is said by its field."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        body: dict[str, Any] = read_json(request.body, stored=False)
        return body


class Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**where)
        complete(schema, self._least_roles())
        return schema

    def _least_roles(self) -> dict[str, str]:
        """Whom each call's Bearer lets in, by operation id."""
        return {
            operation.operation_id or self.get_openapi_operation_id(operation): least_role(
                bearer.action
            )
            for router in self._get_bound_routers()
            for path in router.path_operations.values()
            for operation in path.operations
            for bearer in operation.auth_callbacks
            if isinstance(bearer, Bearer)
        }


api = Api(
    parser=JsonBody(),
    title=INFO["title"],
    version="1",
    urls_namespace="api",
    description=INFO["description"],
    # The framework's page loads scripts from elsewhere; ours is swaps.api.docs.
    docs_url=None,
)
answer_problems(api)
for calls in (
    swaps,
    approvals,
    stream,
    models,
    drainage,
    hosts,
    strategies,
    router_nodes,
    audit,
    tokens,
    users,
):
    api.add_router("", calls.router)


def _answering_problems(view: Callable[..., Any]) -> Callable[..., Any]:
    """The framework refuses a wrong method, and its own root, in its words: say it in ours."""

    def checked(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        say_rate(request, response)
        if response.status_code == 405:
            return method_not_allowed(request, response.headers.get("Allow", ""))
        return response

    if iscoroutinefunction(view):

        @wraps(view)
        async def async_view(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
            return checked(request, await view(request, *args, **named))

        return async_view

    @wraps(view)
    def sync_view(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        try:
            return checked(request, view(request, *args, **named))
        except Http404:
            return no_such_path(request)

    return sync_view


def _with_own_answers(patterns: list[Any]) -> list[URLPattern | URLResolver]:
    """Without the check against forged forms: nobody is let in by a cookie here, and its refusal
    would be a page.
    """
    for pattern in patterns:
        # The document's own view would answer to any method.
        view = require_GET(pattern.callback) if pattern.name == DOCUMENT else pattern.callback
        pattern.callback = csrf_exempt(_answering_problems(view))
    page = path("docs", csrf_exempt(_answering_problems(docs)), name="docs")
    # A path may hold a line's end, which a dot alone does not match.
    return [*patterns, page, re_path(r"^[\s\S]*$", csrf_exempt(no_such_path))]


_patterns, _app_name, _namespace = api.urls
urls = (_with_own_answers(_patterns), _app_name, _namespace)
