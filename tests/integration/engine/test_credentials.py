"""Hosts' credentials are encrypted at rest; their key can be changed, and lost."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from swaps.access.roles import NotAllowed
from swaps.commands.hosts.credentials import rotate_credentials
from swaps.commands.hosts.edits import update_host
from swaps.db.statements import Statement, run
from swaps.engine.hosts.rounds import reconcile
from swaps.models import AuditEntry, ModelHost
from swaps.models.hosts import HostHealth
from tests.integration.bundled_host.running import TOKEN
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import ADMINISTRATOR, OPERATOR, register

pytestmark = pytest.mark.django_db(transaction=True)


def stored() -> dict[str, str]:
    (found,) = run(Statement("SELECT name, control_token FROM swaps_modelhost", {}))
    return dict(found.rows)


def told() -> str:
    out = StringIO()
    call_command("rotate_credentials", stdout=out)
    return out.getvalue()


def test_a_key_is_changed_and_the_old_one_is_needed_no_more(
    alpha: HostOfTests, settings: Settings
) -> None:
    settings.CREDENTIAL_KEY = "the first"
    register(alpha)
    first = stored()
    assert TOKEN not in str(first)
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "the second", ["the first"]
    assert told() == "1 credentials encrypted anew, 0 were under the present key\n"
    assert stored()["alpha"] != first["alpha"]
    settings.CREDENTIAL_KEY_FALLBACKS = []
    assert ModelHost.objects.get(name="alpha").control_token == TOKEN
    entry = AuditEntry.objects.get(object_name="all credentials")
    assert entry.after == {"hosts": ["alpha"], "unreadable": []}
    assert TOKEN not in str(AuditEntry.objects.values())
    second = stored()
    assert told() == "0 credentials encrypted anew, 1 were under the present key\n"
    assert stored() == second


def test_a_lost_key_is_said_of_its_host_and_hurts_no_other(
    alpha: HostOfTests, beta: HostOfTests, settings: Settings
) -> None:
    settings.CREDENTIAL_KEY = "the lost one"
    register(alpha)
    settings.CREDENTIAL_KEY = "another"
    register(beta)
    before = stored()
    with pytest.raises(CommandError, match="no key opens the credentials of alpha: give their key"):
        call_command("rotate_credentials", stdout=StringIO())
    reconcile()
    lost = ModelHost.objects.get(name="alpha")
    assert lost.health == HostHealth.UNREACHABLE
    assert "enter the token again" in lost.health_reason
    assert before["alpha"] not in lost.health_reason
    assert ModelHost.objects.get(name="beta").health == HostHealth.HEALTHY
    # An edit of something else leaves it as it is stored: the key may come back.
    update_host(actor=ADMINISTRATOR, name="alpha", max_concurrent_loads=2)
    assert stored() == before
    again = update_host(actor=ADMINISTRATOR, name="alpha", control_token=TOKEN)
    assert again.health == HostHealth.HEALTHY


def test_an_operator_may_not_change_the_key() -> None:
    with pytest.raises(NotAllowed):
        rotate_credentials(actor=OPERATOR)
    assert AuditEntry.objects.get().outcome == "refused"
