"""A host's name is resolved once, checked, and kept; what it stands for later is told."""

import ipaddress
import socket

import pytest
from pytest_django.fixtures import Settings

from swaps.commands.errors import InvalidRequest
from swaps.commands.hosts.checks import check_again
from swaps.commands.hosts.edits import delete_host, update_host
from swaps.commands.registration import register_host
from swaps.engine.hosts import addresses as host_addresses
from swaps.engine.hosts.adapters import adapter_of
from swaps.models import ModelHost
from tests.integration.bundled_host.running import TOKEN
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import ADMINISTRATOR, a_serving_model
from tests.integration.readings.rows import a_host, a_model, placed

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "models.example"


class Resolver:
    """What the system's resolver would say, which no test can change for real."""

    def __init__(self) -> None:
        self.says: list[str] = ["127.0.0.1"]

    def __call__(self, name: str, port: int, **_: object) -> list[tuple[object, ...]]:
        assert name == NAME
        if not self.says:
            raise socket.gaierror("Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.says]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    resolver = Resolver()
    monkeypatch.setattr(host_addresses, "getaddrinfo", resolver)
    return resolver


def a_named_host(alpha: HostOfTests) -> ModelHost:
    port = alpha.url.rsplit(":", 1)[1]
    return register_host(
        actor=ADMINISTRATOR,
        name="named",
        kind="bundled",
        url=f"http://{NAME}:{port}",
        control_token=TOKEN,
    )


def test_a_name_is_pinned_and_called_by_its_address(alpha: HostOfTests, resolver: Resolver) -> None:
    host = a_named_host(alpha)
    assert (host.health, host.pinned_address) == ("healthy", "127.0.0.1")
    resolver.says = ["192.0.2.1"]  # nobody asks any more
    assert adapter_of(host).probe().boot_id == host.boot_id


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0"])  # noqa: S104
def test_a_name_that_leads_where_no_host_is_is_refused(
    alpha: HostOfTests, resolver: Resolver, address: str
) -> None:
    resolver.says = ["127.0.0.1", address]
    with pytest.raises(InvalidRequest, match=f"{NAME} stands for") as refusal:
        a_named_host(alpha)
    assert refusal.value.field == "url"
    assert not ModelHost.objects.filter(name="named").exists()


def test_a_name_that_nobody_knows_yet_is_registered_as_unreachable_and_pinned_later(
    alpha: HostOfTests, resolver: Resolver
) -> None:
    resolver.says = []
    host = a_named_host(alpha)
    assert host.health == "unreachable"
    assert "could not be resolved" in host.health_reason
    resolver.says = ["127.0.0.1"]
    assert check_again(actor=ADMINISTRATOR, name="named").health == "healthy"


def test_a_host_that_is_not_in_use_follows_its_name(alpha: HostOfTests, resolver: Resolver) -> None:
    a_named_host(alpha)
    resolver.says = ["127.0.0.2"]
    assert check_again(actor=ADMINISTRATOR, name="named").pinned_address == "127.0.0.2"


def test_a_host_in_use_keeps_its_address_and_the_operator_is_told(
    alpha: HostOfTests, node: Node, resolver: Resolver
) -> None:
    iris = a_serving_model(alpha)
    port = alpha.url.rsplit(":", 1)[1]
    # As if it had been registered by its name.
    used = ModelHost.objects.get(name=alpha.name)
    ModelHost.objects.filter(pk=used.pk).update(
        url=f"http://{NAME}:{port}", pinned_address="127.0.0.1"
    )
    resolver.says = ["127.0.0.2"]
    host = check_again(actor=ADMINISTRATOR, name=alpha.name)
    assert (host.health, host.pinned_address) == ("healthy", "127.0.0.1")
    assert "swap its models to other hosts" in host.health_reason
    assert f"{iris} 1.0 is to be loaded there" in host.health_reason
    resolver.says = []
    host = check_again(actor=ADMINISTRATOR, name=alpha.name)
    assert (host.health, host.pinned_address) == ("healthy", "127.0.0.1")
    assert "could not be resolved" in host.health_reason


def test_a_host_that_moved_and_left_something_to_unload_behind_says_how_to_give_that_up(
    resolver: Resolver,
) -> None:
    host = a_host(NAME.split(".")[0], url=f"http://{NAME}:1", pinned_address="127.0.0.1")
    placed(a_model("iris"), "1.0", host, status="unknown", unload_owed=True)
    resolver.says = ["127.0.0.2"]
    for _ in range(2):  # at the first look nobody knows yet that it does not answer
        seen = check_again(actor=ADMINISTRATOR, name=host.name)
    assert (seen.health, seen.pinned_address) == ("unreachable", "127.0.0.1")
    assert "nobody answers at 127.0.0.1" in seen.health_reason
    assert "delete the host, then add it again" in seen.health_reason
    delete_host(actor=ADMINISTRATOR, name=host.name)


def test_only_the_allowed_networks_are_called(
    alpha: HostOfTests, settings: Settings, resolver: Resolver
) -> None:
    host = a_named_host(alpha)
    settings.HOST_NETWORKS = (ipaddress.ip_network("10.20.0.0/16"),)
    assert check_again(actor=ADMINISTRATOR, name="named").health == "unreachable"
    with pytest.raises(InvalidRequest, match=r"10\.20\.0\.0/16"):
        update_host(actor=ADMINISTRATOR, name="named", url="http://127.0.0.1:1")
    host.refresh_from_db()
    assert NAME in host.url


@pytest.mark.parametrize("token", ["two\nlines", "ein Wort", "schlüssel"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_quoted(
    alpha: HostOfTests, token: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        register_host(
            actor=ADMINISTRATOR, name="odd", kind="bundled", url=alpha.url, control_token=token
        )
    assert refusal.value.field == "control_token"
    assert token not in str(refusal.value)
