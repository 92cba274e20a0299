"""Who may come in, and as what. Nobody is deleted: the audit log goes on naming them."""

from functools import partial
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from swaps.access.roles import ENGINE, Action, Actor, NotAllowed, Role, role_of
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, LastAdministrator, UserNotFound
from swaps.commands.refusals import audited
from swaps.commands.revisions import difference, require_unchanged
from swaps.commands.validation import require_valid
from swaps.live.broadcast import token_revoked
from swaps.models import ApiToken

# The audit log's words for what is no person.
NOBODYS_NAMES = frozenset({ENGINE.name, "unknown", "provision"})
LONGEST_PASSWORD = 1000
_EDITABLE = {"role", "active", "password"}


def contents_of(user: User) -> dict[str, Any]:
    """What may be changed of somebody: for `revision_of`, the password's hash included."""
    return {"role": role_of_person(user), "active": user.is_active, "password": user.password}


def role_of_person(user: User) -> str | None:
    """The role they have, or would have if they were active."""
    role = role_of(User(pk=user.pk, is_superuser=user.is_superuser, is_active=True))
    return role.value if role else None


def find_user(username: str, *, lock: bool = False) -> User:
    """Raises UserNotFound."""
    rows = User.objects.select_for_update() if lock else User.objects.all()
    user = None if "\x00" in username else rows.filter(username=username).first()
    if user is None:
        raise UserNotFound(f"no user is called {username!r}")
    return user


def create_user(*, actor: Actor, username: str, password: str, role: str) -> User:
    """Raises InvalidRequest, NotAllowed."""
    with audited(actor, Action.MANAGE_USERS, "user", username):
        actor.require(Action.MANAGE_USERS)
        user = User(username=username)
        _check_name(user)
        _set_password(user, password)
        require_valid(user, "user", username)
        group = _group_of(role)
        try:
            with transaction.atomic():
                user.save(force_insert=True)
                user.groups.add(group)
                record(
                    actor=actor,
                    action=Action.MANAGE_USERS,
                    object_kind="user",
                    object_name=username,
                    reason="made",
                    after={"role": role, "active": True},
                )
        except IntegrityError as error:
            raise InvalidRequest("username", f"there is a user {username} already") from error
    return user


def update_user(
    *, actor: Actor, username: str, if_match: str | None = None, **changes: Any
) -> User:
    """`changes`: role; active, False disables them; password, which is theirs no more.

    Whoever is disabled is out at once: their pages, tokens and streams too. A new password
    ends their sessions and leaves their tokens. `if_match`: the revision
    (`revision_of(contents_of(user))`) that the change was decided upon.
    Raises UserNotFound, Stale, LastAdministrator, InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_USERS, "user", username):
        actor.require(Action.MANAGE_USERS)
        for field in sorted(changes.keys() - _EDITABLE):
            raise InvalidRequest(field, f"user {username}: {field} cannot be changed")
        with transaction.atomic():
            # One at a time: of two administrators who remove one another one must stay.
            administrators = _group_of(Role.ADMINISTRATOR)
            Group.objects.select_for_update().get(pk=administrators.pk)
            user = find_user(username, lock=True)
            administrated = role_of(user) is Role.ADMINISTRATOR
            before = contents_of(user)
            require_unchanged("user", username, before, if_match)
            _change(user, changes)
            old, new = difference(before, contents_of(user), secret="password")  # noqa: S106
            if "role" in new or "active" in new:
                _require_another(actor, user, administrated=administrated)
            if not new:
                return user
            record(
                actor=actor,
                action=Action.MANAGE_USERS,
                object_kind="user",
                object_name=username,
                reason="changed",
                before=old,
                after=new,
            )
            if new.get("active") is False:
                live = ApiToken.objects.filter(user=user, revoked_at=None)
                for token_id in live.values_list("pk", flat=True):
                    transaction.on_commit(partial(token_revoked, token_id))
    return user


def change_own_password(*, actor: Actor, old_password: str, new_password: str) -> User:
    """Raises UserNotFound, InvalidRequest."""
    with audited(actor, "password", "user", actor.name), transaction.atomic():
        user = find_user(actor.name, lock=True)
        if not user.check_password(old_password):
            raise InvalidRequest("old_password", "this is not your password")
        try:
            _set_password(user, new_password)
        except InvalidRequest as problem:
            raise InvalidRequest("new_password", str(problem)) from problem
        user.save()
        record(actor=actor, action="password", object_kind="user", object_name=actor.name)
    return user


def _change(user: User, changes: dict[str, Any]) -> None:
    if "active" in changes:
        if not isinstance(changes["active"], bool):
            raise InvalidRequest("active", "it is true or false")
        user.is_active = changes["active"]
    if "password" in changes:
        _set_password(user, changes["password"])
    if "role" in changes:
        group = _group_of(changes["role"])
        # A superuser's role would be the highest whatever the group says.
        user.is_superuser = False
        user.groups.remove(*Group.objects.filter(name__in=list(Role)))
        user.groups.add(group)
    user.save()


def _require_another(actor: Actor, user: User, *, administrated: bool) -> None:
    """Somebody else must do it, and somebody must stay. Raises NotAllowed, LastAdministrator."""
    if actor.user_id == user.pk:
        raise NotAllowed("nobody changes their own role or disables themselves: ask another")
    left = User.objects.filter(
        Q(is_superuser=True) | Q(groups__name=Role.ADMINISTRATOR), is_active=True
    )
    if administrated and not left.exists():
        raise LastAdministrator(
            f"{user.get_username()} is the last active administrator: make another one first"
        )


def _check_name(user: User) -> None:
    username = user.username
    if not isinstance(username, str) or username.casefold() in NOBODYS_NAMES:
        raise InvalidRequest("username", f"nobody can be called {username!r}")
    try:
        User._meta.get_field("username").clean(username, user)
    except ValidationError as error:
        raise InvalidRequest("username", " ".join(error.messages)) from error
    # Two that differ in case alone would be one person to whoever reads the audit log.
    if User.objects.filter(username__iexact=username).exists():
        raise InvalidRequest("username", f"there is a user {username} already")


def _set_password(user: User, password: object) -> None:
    if not isinstance(password, str) or len(password) > LONGEST_PASSWORD:
        raise InvalidRequest("password", f"it is a text of at most {LONGEST_PASSWORD} characters")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidRequest("password", " ".join(error.messages)) from error
    user.set_password(password)


def _group_of(role: str) -> Group:
    if role not in set(Role):
        raise InvalidRequest("role", f"{role!r} is none of {', '.join(Role)}")
    return Group.objects.get_or_create(name=Role(role).value)[0]
