"""Somebody LISTENs and stands still in a transaction until the NOTIFY queue is full: a commit
that tells anything fails then, so none of ours does.
"""

import os
from collections.abc import Iterator

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.readings.overview.service_health import Part, read_service_health
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    weights,
)

LARGEST = 7999  # bytes of one notification


@pytest.fixture
def full_queue(transactional_db: None) -> Iterator[None]:
    # The queue is the whole server's, which is shared: nobody else could commit meanwhile.
    assert "PYTEST_XDIST_WORKER" not in os.environ, "run this file alone, as the Makefile does"
    parameters = connection.get_connection_params()
    for unwanted in ("cursor_factory", "context"):
        parameters.pop(unwanted, None)
    with psycopg.connect(**parameters) as listening:
        listening.execute("LISTEN of_somebody_else")
        listening.commit()
        listening.execute("SELECT 1")  # and nothing more
        with pytest.raises(DatabaseError, match="NOTIFY queue"):
            _tell_without_end()
        yield
        listening.rollback()
    with connection.cursor() as cursor:
        # Postgres lets go of what nobody waits for any more when it is asked how full it is.
        cursor.execute("SELECT pg_notification_queue_usage()")
    assert not _fails_a_commit_that_tells()


def _tell_without_end() -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_notify('of_somebody_else', repeat('x', %s))", [LARGEST])


def _fails_a_commit_that_tells() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('of_somebody_else', repeat('x', %s))", [LARGEST])
    except DatabaseError:
        return True
    return False


def test_a_swap_moves_traffic_rolls_back_and_says_what_is_wrong(
    alpha: HostOfTests, node: Node, swapper: ModelHotSwapper, request: pytest.FixtureRequest
) -> None:
    model = a_serving_model(alpha)
    request.getfixturevalue("full_queue")
    assert _fails_a_commit_that_tells()
    swap = swapper.swap_version(model, "1.0", "1.1", strategy=PAUSED_HALF_WAY)

    # Nobody is told: nodes look at the rows each second, as a router process does.
    carry_on(swap, until=lambda _: weights(model) == {"1.0": 50, "1.1": 50})
    apply_command(swap.pk, Command.ROLLBACK, actor=OPERATOR)
    carry_on(swap, until=SwapState.ROLLED_BACK)
    assert weights(model) == {"1.0": 100}
    found = [one for one in read_service_health().findings() if one.part is Part.POSTGRES]
    assert any("NOTIFY queue" in one.reason for one in found), found
