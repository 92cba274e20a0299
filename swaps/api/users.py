"""People who may come in, and as what. Nobody is deleted: disable them."""

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
from swaps.api.schemas import Body, Listing, NamedQuery, Role
from swaps.commands.people.users import LONGEST_PASSWORD, create_user, update_user
from swaps.domain.texts import require_storable
from swaps.readings.account.users import UserReading, read_user, read_users

router = Router(tags=["users"])

Username = Annotated[
    str,
    StringConstraints(min_length=1, max_length=150, pattern=r"^[\w.@+-]+$"),
    AfterValidator(require_storable),
    Field(examples=["ada"]),
]
Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_PASSWORD),
    Field(description="never shown again", examples=["a long phrase is easy to keep"]),
]


class NewUser(Body):
    username: Username
    password: Password
    role: Role


class UserEdit(Body):
    """What is left out stays as it is."""

    role: Role | None = None
    active: Annotated[
        bool | None, Field(description="false: their pages, tokens and streams end at once")
    ] = None
    password: Annotated[
        Password | None, Field(description="a new one ends their sessions and leaves their tokens")
    ] = None


class UserQuery(NamedQuery):
    role: Role | None = None
    active: bool | None = None


@router.get(
    "/users",
    auth=Bearer(Action.MANAGE_USERS),
    response={200: Listing[UserReading], **problems("invalid-request")},
    summary="Users, by name",
    description="`sort` is about the user name.",
)
def list_users(request: HttpRequest, query: QueryOf[UserQuery]) -> HttpResponse:
    wanted = query.dict(include={"role", "active"})
    return answer_page(request, read_users(**wanted, **query.page))


@router.post(
    "/users",
    auth=Bearer(Action.MANAGE_USERS),
    response={201: UserReading, **problems("still-running", body=True)},
    summary="Let somebody in",
    description="The password must be neither short, common, all digits nor like the name.",
)
@repeatable()
def add_user(request: HttpRequest, body: NewUser) -> HttpResponse:
    user = create_user(actor=actor_of(request), **body.dict())
    return answer(
        read_user(user.username),
        status=201,
        location=reverse("api:user", kwargs={"username": user.username}),
    )


@router.get(
    "/users/{username}",
    auth=Bearer(Action.MANAGE_USERS),
    response={200: UserReading, **problems("user-not-found")},
    summary="One user",
    description="With the number of tokens that speak for them.",
    url_name="user",
)
def show_user(request: HttpRequest, username: str) -> HttpResponse:
    return answer(read_user(username))


@router.patch(
    "/users/{username}",
    auth=Bearer(Action.MANAGE_USERS),
    response={
        200: UserReading,
        **problems("user-not-found", "last-administrator", "stale", body=True),
    },
    summary="Give somebody another role or password, or disable them",
    description="Nobody changes their own role, and the last active administrator stays one.",
)
def edit_user(
    request: HttpRequest, username: str, body: UserEdit, if_match: IfMatch = None
) -> HttpResponse:
    given = {field: value for field, value in body.dict().items() if value is not None}
    update_user(actor=actor_of(request), username=username, if_match=revision_in(if_match), **given)
    return answer(read_user(username))
