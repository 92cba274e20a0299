"""Roles, what each may do, and who somebody is. The one place where permission is decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from swaps.domain.commands import ENTRIES, Command


class Role(StrEnum):
    """From the weakest; each may do what those before it may."""

    VIEWER = "viewer"  # sees all, changes nothing
    OPERATOR = "operator"  # swaps, rollbacks, promotes, approves
    ADMINISTRATOR = "administrator"  # what swaps run on, who may do what, and force


class Action(StrEnum):
    """What needs a permission, beside the commands on a swap. The values are the audit's words."""

    VIEW = "view"
    SWAP = "swap"
    ACTIVATE = "activate"
    APPROVE = "approve"
    RELEASE_QUEUE = "release-queue"
    RETIRE_NODE = "retire-node"
    ENROL_NODE = "enrol-node"
    UNENROL_NODE = "unenrol-node"
    PROTECT = "protect"
    MANAGE_HOSTS = "manage-hosts"
    MANAGE_MODELS = "manage-models"
    MANAGE_STRATEGIES = "manage-strategies"
    MANAGE_TOKENS = "manage-tokens"
    MANAGE_USERS = "manage-users"


# Of all that needs one. Each command on a swap is a permission of the same name.
type Permission = Action | Command

# Who may do what; of the commands on a swap their entries say it.
LEAST_ROLE: Mapping[Action, Role] = {
    Action.VIEW: Role.VIEWER,
    Action.SWAP: Role.OPERATOR,
    Action.ACTIVATE: Role.OPERATOR,
    Action.APPROVE: Role.OPERATOR,
    Action.RELEASE_QUEUE: Role.OPERATOR,
    Action.RETIRE_NODE: Role.ADMINISTRATOR,
    Action.ENROL_NODE: Role.ADMINISTRATOR,
    Action.UNENROL_NODE: Role.ADMINISTRATOR,
    Action.PROTECT: Role.ADMINISTRATOR,
    Action.MANAGE_HOSTS: Role.ADMINISTRATOR,
    Action.MANAGE_MODELS: Role.ADMINISTRATOR,
    Action.MANAGE_STRATEGIES: Role.ADMINISTRATOR,
    Action.MANAGE_TOKENS: Role.ADMINISTRATOR,
    Action.MANAGE_USERS: Role.ADMINISTRATOR,
}
# These concern every model, so a token for some models may not do them, whatever its role:
# it could make itself a wider token, or take a host from a model it is not to see.
FLEET_WIDE = frozenset(
    {
        Action.RETIRE_NODE,
        Action.ENROL_NODE,
        Action.UNENROL_NODE,
        Action.MANAGE_HOSTS,
        Action.MANAGE_STRATEGIES,
        Action.MANAGE_TOKENS,
        Action.MANAGE_USERS,
    }
)
_RANK = {role: rank for rank, role in enumerate(Role)}


def least_role(permission: Permission) -> Role:
    if isinstance(permission, Command):
        return Role(ENTRIES[permission].least_role)
    return LEAST_ROLE[permission]


class NotAllowed(Exception):
    """This actor's role does not include this action, or their token not this model."""

    code = "forbidden"


# The names of the only models that somebody sees; None: every model.
type Scope = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where; every command and every audit entry has one."""

    name: str
    role: Role | None
    source: str  # console, API, admin, command line, engine
    address: str | None = None
    request_id: str = ""
    user_id: int | None = None  # None: no person, the engine or a command of the machine's owner
    token: str = ""  # the shown prefix of the token that was presented
    token_id: int | None = None
    models: Scope = None  # what that token is for
    token_known_to: frozenset[int] = frozenset()  # the users who made it, and may hold it

    def may(self, action: Permission, model: str | None = None) -> bool:
        return not self._why_not(action, model)

    def require(self, action: Permission, model: str | None = None) -> None:
        """`model` is the name of the model that the action is about, where it is about one.

        Raises NotAllowed, which says what is missing: the role, or the token's scope.
        """
        why_not = self._why_not(action, model)
        if why_not:
            raise NotAllowed(why_not)

    @property
    def people(self) -> frozenset[int]:
        """The ids of all users who may be acting here; empty: no person is known."""
        mine = frozenset() if self.user_id is None else frozenset({self.user_id})
        return mine | self.token_known_to

    def sees(self, model: str) -> bool:
        """Whatever is of another model does not exist for this actor."""
        return self.models is None or model in self.models

    def _why_not(self, action: Permission, model: str | None) -> str:
        least = least_role(action)
        if self.role is None or _RANK[self.role] < _RANK[least]:
            role = self.role or "no role"
            return f"{self.name} ({role}) may not {action}: it needs the role {least}"
        if self.models is None:
            return ""
        scope = ", ".join(sorted(self.models)) or "no model"
        if action in FLEET_WIDE:
            return f"this token is for {scope}: {action} concerns every model"
        if model is not None and model not in self.models:
            return f"this token is for {scope}, not for {model}"
        return ""


ENGINE = Actor("engine", Role.OPERATOR, "engine")


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The highest role among the user's groups; a superuser administrates."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMINISTRATOR
    groups = {group.name for group in user.groups.all()}
    roles = [role for role in Role if role.value in groups]
    return roles[-1] if roles else None
