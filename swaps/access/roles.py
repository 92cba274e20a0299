"""Roles, what each may do, and who somebody is. The one place where permission is decided."""

from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User


class Role(StrEnum):
    VIEWER = "viewer"  # sees all, changes nothing
    OPERATOR = "operator"  # swaps, rollbacks, promotes
    ADMINISTRATOR = "administrator"  # hosts, models, tokens, force, retire


class Action(StrEnum):
    """What needs a permission. The values are the audit log's words."""

    VIEW = "view"
    SWAP = "swap"
    ACTIVATE = "activate"
    CANCEL = "cancel"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    EXTEND_DRAIN = "extend-drain"
    ROLL_FORWARD = "roll-forward"
    RELEASE_QUEUE = "release-queue"
    FORCE_UNLOAD = "force-unload"
    RETIRE_NODE = "retire-node"
    MANAGE_HOSTS = "manage-hosts"
    MANAGE_MODELS = "manage-models"
    MANAGE_TOKENS = "manage-tokens"


_RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMINISTRATOR: 2}
_ADMINISTRATORS_ONLY = {
    Action.FORCE_UNLOAD,
    Action.RETIRE_NODE,
    Action.MANAGE_HOSTS,
    Action.MANAGE_MODELS,
    Action.MANAGE_TOKENS,
}


class NotAllowed(Exception):
    """This actor's role does not include this action."""


def needed_role(action: Action) -> Role:
    if action is Action.VIEW:
        return Role.VIEWER
    return Role.ADMINISTRATOR if action in _ADMINISTRATORS_ONLY else Role.OPERATOR


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where; every command and every audit entry has one."""

    name: str
    role: Role | None
    source: str  # console, API, admin, command line, engine
    address: str | None = None
    request_id: str = ""

    def may(self, action: Action) -> bool:
        return self.role is not None and _RANK[self.role] >= _RANK[needed_role(action)]

    def require(self, action: Action) -> None:
        """Raises NotAllowed."""
        if not self.may(action):
            role = self.role or "no role"
            raise NotAllowed(
                f"{self.name} ({role}) may not {action}: it needs the role {needed_role(action)}"
            )


ENGINE = Actor("engine", Role.OPERATOR, "engine")


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The highest role among the user's groups; a superuser administrates."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMINISTRATOR
    groups = set(user.groups.values_list("name", flat=True))
    for role in (Role.ADMINISTRATOR, Role.OPERATOR, Role.VIEWER):
        if role.value in groups:
            return role
    return None
