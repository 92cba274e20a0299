"""A pool that lost its connections is told from a Postgres that is away."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from hotswap_site import database_watch, silent_postgres
from hotswap_site.silent_postgres import ImpatientConnection

type Pool = ConnectionPool[psycopg.Connection[object]]


@pytest.fixture
def pool(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Of one connection."""
    monkeypatch.setattr(database_watch, "STUCK_SECONDS", 1.0)
    parameters = connection.get_connection_params()
    pool = ConnectionPool(
        kwargs=parameters,
        min_size=1,
        max_size=1,
        connection_class=ImpatientConnection,
        open=True,
    )
    pool.wait(timeout=60)
    yield pool
    pool.close()


def test_a_pool_whose_connection_does_not_come_back_gives_nothing(pool: Pool) -> None:
    assert not database_watch.gives_nothing(pool)
    lost = pool.getconn()
    assert database_watch.gives_nothing(pool)
    pool.putconn(lost)
    assert not database_watch.gives_nothing(pool)


def test_without_postgres_no_process_ends(db: None) -> None:
    parameters = connection.get_connection_params()
    assert database_watch.postgres_answers(parameters)
    assert not database_watch.postgres_answers(parameters | {"host": "/nowhere"})


def test_a_statement_that_gets_no_answer_is_given_up_and_its_connection_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silent_postgres, "SILENCE_SECONDS", 0.5)
    with pytest.raises(psycopg.OperationalError, match="said nothing"), pool.connection() as one:
        one.execute("SELECT pg_sleep(60)")
    assert one.closed
    with pool.connection(timeout=60) as another:
        assert another.execute("SELECT 1").fetchone() == (1,)
