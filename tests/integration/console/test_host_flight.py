"""What hosts say of the requests they execute, asked while a swap is looked at."""

import pytest

from swaps.console.swap.host_flight import OnHost, flight_on_hosts
from swaps.models import ModelHost, ServedModel
from tests.integration.bundled_host.running import wait_until
from tests.integration.readings.rows import a_swap

pytestmark = pytest.mark.django_db


def test_the_first_look_asks_and_a_later_one_knows(real_iris: ServedModel) -> None:
    swap = a_swap(real_iris, state="Transitioning", source_hosts=["alpha"], target_hosts=["alpha"])
    assert flight_on_hosts(swap).now == {}  # nobody waits for a host
    wait_until(lambda: flight_on_hosts(swap).now == {"alpha": OnHost(0, 0)}, "what alpha says")


def test_a_host_that_does_not_answer_is_unknown_not_idle(iris: ServedModel) -> None:
    ModelHost.objects.update(url="http://127.0.0.1:1")
    swap = a_swap(iris, state="Transitioning", source_hosts=["alpha"], target_hosts=["alpha"])
    silent = {"alpha": OnHost(None, None)}
    wait_until(lambda: flight_on_hosts(swap).now == silent, "that it is silent")


def test_a_host_of_a_kind_that_nobody_knows_is_not_asked(iris: ServedModel) -> None:
    ModelHost.objects.update(kind="nobody-knows")
    swap = a_swap(iris, state="Transitioning", source_hosts=["alpha"], target_hosts=["alpha"])
    flight_on_hosts(swap)
    assert flight_on_hosts(swap).now == {}


def test_the_last_minute_is_kept_for_the_chart(real_iris: ServedModel) -> None:
    swap = a_swap(real_iris, state="Transitioning", source_hosts=["alpha"], target_hosts=["alpha"])

    def asked_twice() -> bool:
        return len(flight_on_hosts(swap).minute.get("alpha", ())) >= 2

    wait_until(asked_twice, "two samples of alpha")
    first, second = flight_on_hosts(swap).minute["alpha"][:2]
    assert first.at < second.at
    assert (first.old, first.new) == (0, 0)
