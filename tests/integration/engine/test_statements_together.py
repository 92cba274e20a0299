"""Statements that are sent together, and refused together at their commit."""

import pytest
from django.db import DatabaseError, connection

from swaps.db.statements import Statement, run
from swaps.models import ClusterOnNode


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_is_refused_fails_and_leaves_the_next_statement_right() -> None:
    """Foreign keys are checked at the commit, when each statement has been answered."""
    of_nothing = Statement(
        "INSERT INTO swaps_clusteronnode (incarnation_id, cluster_id, healthy, total)"
        " VALUES (-1, -1, 1, 1)",
        {},
    )
    with pytest.raises(DatabaseError):
        run(Statement("SELECT 1", {}), of_nothing)
    one, two = run(Statement("SELECT 1", {}), Statement("SELECT 2", {}))
    assert (one.rows, two.rows) == ([(1,)], [(2,)])
    assert not ClusterOnNode.objects.exists()
    assert connection.is_usable()
