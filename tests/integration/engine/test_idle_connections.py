"""For how long a host keeps idle connections is measured beside, and the router closes before."""

from collections.abc import Iterator

import pytest

from swaps.commands.errors import InvalidRequest
from swaps.commands.hosts.checks import check_again
from swaps.commands.hosts.edits import update_host
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.hosts.keep_alive import begin_measuring
from swaps.models import Cluster, ModelHost
from swaps.models.hosts import HostHealth
from tests.integration.adapters.closing_host import ClosingHost, a_host_that_closes
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import ADMINISTRATOR, register
from tests.integration.router.parts import a_cluster, a_model

pytestmark = pytest.mark.django_db(transaction=True)

CLOSES_AFTER = 1.0


@pytest.fixture
def closing() -> Iterator[ClosingHost]:
    with a_host_that_closes(CLOSES_AFTER) as host:
        yield host


def a_healthy_host(url: str, name: str = "closing") -> ModelHost:
    return ModelHost.objects.create(
        name=name, kind="bundled", url=url, health=HostHealth.HEALTHY, boot_id="b1"
    )


def measured(host: ModelHost) -> float:
    begin_measuring()

    def found() -> tuple[float] | None:
        host.refresh_from_db()
        seconds = host.measured_keep_alive_seconds
        return None if seconds is None else (seconds,)

    return float(wait_until(found, "it is measured")[0])


def idle_in(cluster: Cluster) -> list[float | None]:
    cluster.refresh_from_db()
    return [one.get("idle") for one in cluster.endpoints]


def test_a_host_that_closes_early_is_found_out_and_its_clusters_close_earlier(
    closing: ClosingHost,
) -> None:
    host = a_healthy_host(closing.url)
    others = {"host": "another", "address": "127.0.0.1", "port": 9, "tls": False}
    its_own = others | {"host": "closing", "port": closing.port}
    cluster = a_cluster(a_model("iris"), "1.0", closing.port, endpoints=[others, its_own])
    seconds = measured(host)
    assert 0 < seconds < 30, "it closes after a second, however busy this machine"
    assert idle_in(cluster) == [None, seconds / 2]
    assert adapter_of(host).address.idle_seconds == seconds / 2, "our own calls go by it too"


def test_what_somebody_sets_goes_before_what_was_measured_until_it_is_taken_back(
    closing: ClosingHost,
) -> None:
    host = a_healthy_host(closing.url)
    cluster = a_cluster(
        a_model("iris"),
        "1.0",
        closing.port,
        endpoints=[{"host": "closing", "address": "127.0.0.1", "port": closing.port}],
    )
    update_host(actor=ADMINISTRATOR, name="closing", idle_timeout_seconds=0.3)
    assert idle_in(cluster) == [0.3]
    seconds = measured(host)
    assert idle_in(cluster) == [0.3]
    update_host(actor=ADMINISTRATOR, name="closing", idle_timeout_seconds=None)
    assert idle_in(cluster) == [seconds / 2]
    with pytest.raises(InvalidRequest, match=r"between 0\.1 and 3600"):
        update_host(actor=ADMINISTRATOR, name="closing", idle_timeout_seconds=0)


def test_one_that_says_that_it_closes_loses_nothing_and_keeps_the_usual_time(
    closing: ClosingHost,
) -> None:
    closing.says_that_it_closes = True
    host = a_healthy_host(closing.url)
    assert measured(host) == 0
    assert adapter_of(host).address.idle_seconds == 30


def test_it_is_measured_anew_after_a_restart_and_when_somebody_checks(
    mortal: HostOfTests,
) -> None:
    register(mortal)
    host = ModelHost.objects.get(name="mortal")

    def begun() -> bool:
        """A claim puts off the next one by minutes."""
        before = due(host)
        begin_measuring()
        return due(host) > before

    assert begun(), "it was added"
    assert not begun(), "and is at it"
    mortal.restart_empty()
    check_again(actor=ADMINISTRATOR, name="mortal")
    assert begun()
    check_again(actor=ADMINISTRATOR, name="mortal")
    assert begun()


def due(host: ModelHost) -> float:
    host.refresh_from_db()
    return host.keep_alive_due_at.timestamp()
