"""API tokens, and what the token that asks is."""

from dataclasses import asdict
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query as QueryOf
from ninja import Router, Schema
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from swaps.access.roles import Action, Role
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.repeatable import repeatable
from swaps.api.schemas import Body, Listing, Name, PageQuery, Query
from swaps.api.schemas import Role as RoleName
from swaps.commands.errors import TokenNotFound
from swaps.commands.people.tokens import issue_token, revoke_token
from swaps.domain.texts import require_storable
from swaps.models import ApiToken
from swaps.readings.account.tokens import IssuedToken, TokenReading, read_token, read_tokens

router = Router(tags=["tokens"])

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(require_storable)
]
Username = Annotated[
    str, StringConstraints(min_length=1, max_length=150), AfterValidator(require_storable)
]
LARGEST_ID = 2**63 - 1


class NewToken(Body):
    name: Annotated[Label, Field(description="what it is for", examples=["deploy pipeline"])]
    role: RoleName
    user: Annotated[
        Username | None, Field(description="whom it speaks for; by default whoever asks")
    ] = None
    models: Annotated[
        list[Name] | None,
        Field(min_length=1, max_length=1000, description="the only models it is for"),
    ] = None
    # Lax: JSON has no times, only texts.
    expires_at: Annotated[AwareDatetime | None, Field(strict=False)] = None


class TokenQuery(PageQuery):
    user: Annotated[Query | None, Field(description="whom it speaks for")] = None
    role: RoleName | None = None
    live: Annotated[bool | None, Field(description="neither revoked nor over, or either")] = None
    sort: Annotated[Literal["-created_at", "created_at"], Field(description="- is descending")] = (
        "-created_at"
    )


class Me(Schema):
    """`models`: the only ones this token is for; null: every model."""

    name: str
    role: Role
    source: str
    token: str
    models: list[str] | None


@router.get(
    "/me",
    auth=Bearer(),
    response={200: Me, **problems()},
    summary="Who this token is",
    description="The role is the lower of the token's and its user's.",
)
def show_me(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    return answer(
        {
            "name": actor.name,
            "role": actor.role,
            "source": actor.source,
            "token": actor.token,
            "models": None if actor.models is None else sorted(actor.models),
        }
    )


@router.get(
    "/tokens",
    auth=Bearer(Action.MANAGE_TOKENS),
    response={200: Listing[TokenReading], **problems("invalid-request")},
    summary="Tokens, the newest first",
    description="Without what would let anybody in.",
)
def list_tokens(request: HttpRequest, query: QueryOf[TokenQuery]) -> HttpResponse:
    descending = query.sort.startswith("-")
    return answer_page(request, read_tokens(**query.dict(exclude={"sort"}), descending=descending))


@router.post(
    "/tokens",
    auth=Bearer(Action.MANAGE_TOKENS),
    response={201: IssuedToken, **problems("still-running", body=True)},
    summary="Make a token",
    description="Its plain text is in this answer and nowhere else. It is never stronger than its "
    "user.",
)
@repeatable(hiding="token")
def add_token(request: HttpRequest, body: NewToken) -> HttpResponse:
    row, plaintext = issue_token(
        actor=actor_of(request),
        name=body.name,
        role=body.role,
        username=body.user,
        models=body.models,
        expires_at=body.expires_at,
    )
    return answer(
        IssuedToken(**asdict(read_token(row.pk)), token=plaintext),
        status=201,
        location=reverse("api:token", kwargs={"token_id": row.pk}),
    )


@router.get(
    "/tokens/{int:token_id}",
    auth=Bearer(Action.MANAGE_TOKENS),
    response={200: TokenReading, **problems("token-not-found", "not-found")},
    summary="One token",
    description="Revoked ones, too.",
    url_name="token",
)
def show_token(request: HttpRequest, token_id: int) -> HttpResponse:
    return answer(_find(token_id))


@router.delete(
    "/tokens/{int:token_id}",
    auth=Bearer(Action.MANAGE_TOKENS),
    response={200: TokenReading, **problems("token-not-found", "not-found")},
    summary="Revoke a token",
    description="It is nobody from now on, and the streams it opened end.",
)
def remove_token(request: HttpRequest, token_id: int) -> HttpResponse:
    revoke_token(actor=actor_of(request), token_id=_find(token_id).id)
    return answer(_find(token_id))


def _find(token_id: int) -> TokenReading:
    if token_id <= LARGEST_ID:
        try:
            return read_token(token_id)
        except ApiToken.DoesNotExist:
            pass
    raise TokenNotFound(f"no token has the id {token_id}")
