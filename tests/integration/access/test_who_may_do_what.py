"""The table of roles, tried at every door: what it allows is done, what it refuses is not, and
the audit log has either.
"""

import pytest
from django.urls import reverse

from swaps.access.roles import FLEET_WIDE, Action, Permission, Role, least_role
from swaps.domain.commands import Command
from swaps.models import AuditEntry, ModelHost, NamedStrategy, ServedModel, SwapOperation
from tests.integration.access.doors import ADMIN, API, DOORS
from tests.integration.access.people import Person

pytestmark = pytest.mark.django_db

ROLES = [*Role, None]
# By a management command alone; tests/integration/engine/test_enrolment.py tries who may.
OF_THE_MACHINES_OWNER = {Action.ENROL_NODE, Action.UNENROL_NODE}
FORCED = {
    **{"model_name": "iris", "from_version": "1.0", "to_version": "1.1"},
    "on_drain_timeout": "force",
}
TRIED = [(action, door) for action, doors in DOORS.items() for door in doors]


def may(role: Role | None, action: Permission) -> bool:
    ranks = list(Role)
    return role is not None and ranks.index(role) >= ranks.index(least_role(action))


def entries(action: Permission, outcome: str, door: str) -> int:
    """`door`: the source, and after a colon which way there, where it has several."""
    door = door.partition(":")[0]
    return AuditEntry.objects.filter(
        actor="somebody", action=action, outcome=outcome, source=door
    ).count()


def everything() -> dict[str, object]:
    """What there is, to see that nothing changed."""
    kinds = (ServedModel, ModelHost, NamedStrategy)
    return {kind.__name__: list(kind.objects.order_by("pk").values()) for kind in kinds}


def test_every_action_is_tried() -> None:
    assert DOORS.keys() | OF_THE_MACHINES_OWNER == {*Action, *Command}
    assert all(API in doors for doors in DOORS.values())


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize(("action", "door"), TRIED, ids=str)
def test_each_role_at_each_door(
    real_iris: ServedModel, action: Permission, door: str, role: Role | None
) -> None:
    person = Person(role)
    before = everything()
    response = DOORS[action][door](person, real_iris)
    if may(role, action):
        assert response.status_code in {200, 201, 202, 302}, response.content
        assert action is Action.VIEW or entries(action, "done", door) == 1
        assert not entries(action, "refused", door)
        return
    assert response.status_code == 403, response.content
    assert not entries(action, "done", door)
    if action is Action.VIEW:
        return
    if role is not None:  # who has no role is at the admin's sign-in, and not in it
        # The admin has one form for both, which is refused before it is read.
        recorded = Action.SWAP if (action, door) == (Action.ACTIVATE, ADMIN) else action
        assert entries(recorded, "refused", door) == 1
    seen = everything()
    if action is not Action.RELEASE_QUEUE:  # whose attempt holds the line first
        assert seen == before
    untouched = SwapOperation.objects.filter(
        abort_requested="", promoted_steps=0, forced_by="", roll_forward_requested=False
    )
    assert untouched.count() == SwapOperation.objects.count() <= 1


@pytest.mark.parametrize("action", DOORS, ids=str)
def test_a_token_for_another_model_does_nothing_to_this_one(
    real_iris: ServedModel, action: Permission
) -> None:
    person = Person(Role.ADMINISTRATOR, models=["wine"])
    response = DOORS[action][API](person, real_iris)
    if action is Action.VIEW:
        assert b"iris" not in response.content
    elif action is Action.MANAGE_MODELS:
        assert response.status_code == 201, "to register the model that it is for"
    else:
        expected = {403} if action in FLEET_WIDE else {403, 404}
        assert response.status_code in expected, response.content
        assert not entries(action, "done", API)


@pytest.mark.parametrize(
    ("role", "becomes"), [(Role.OPERATOR, "wait"), (Role.ADMINISTRATOR, "force")]
)
def test_force_needs_what_forcing_needs_however_it_is_come_by(
    real_iris: ServedModel, role: Role, becomes: str
) -> None:
    """Asked for by name, or as the default of the model."""
    person = Person(role)
    ServedModel.objects.update(on_drain_timeout="force")
    DOORS[Action.SWAP][API](person, real_iris)
    assert SwapOperation.objects.get().on_drain_timeout == becomes
    SwapOperation.objects.all().delete()

    form = {
        **{"model": "iris", "from_version": "1.0", "to_version": "1.1"},
        **{"strategy": "canary", "on_drain_timeout": "force"},
    }
    answers = (
        person.browser.post(reverse("start-swap"), form).status_code,
        person.rest("POST", "swaps", FORCED).status_code,
    )
    # The administrator's second swap finds the first one open.
    assert answers == ((403, 403) if role is Role.OPERATOR else (302, 409))
    assert SwapOperation.objects.filter(on_drain_timeout="force").exists() is (becomes == "force")
