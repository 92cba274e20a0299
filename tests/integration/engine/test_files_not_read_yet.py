"""A host that has just got a large file does not know its checksum yet: unknown is not equal."""

from collections.abc import Iterator

import pytest

from swaps.commands.errors import HostUnreachable
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.models.protection import protect_model
from swaps.models import SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import ADMINISTRATOR, a_serving_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]


@pytest.fixture
def reading(mortal: HostOfTests) -> Iterator[HostOfTests]:
    yield mortal
    mortal.kill()  # or it would read on
    mortal.take_away_large()


def test_hosts_are_not_taken_to_have_one_version_before_both_have_read_it(
    alpha: HostOfTests, reading: HostOfTests, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha, reading)
    reading.put_large(model, "1.1")
    with pytest.raises(HostUnreachable, match="mortal still reads the file"):
        swapper.swap_version(model, "1.0", "1.1")
    assert not SwapOperation.objects.filter(model__name=model, to_version="1.1").exists()


def test_nobody_is_asked_to_approve_a_file_that_is_not_known(
    reading: HostOfTests, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(reading)
    reading.put_large(model, "1.1")
    protect_model(actor=ADMINISTRATOR, model_name=model)
    with pytest.raises(HostUnreachable, match="mortal still reads the file"):
        swapper.swap_version(model, "1.0", "1.1")


def test_a_model_on_one_host_that_nobody_approves_waits_for_no_checksum(
    reading: HostOfTests, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(reading)
    reading.put_large(model, "1.1")
    assert swapper.swap_version(model, "1.0", "1.1").digests == {}
