"""The feed of rows: what it is told, it reads, also while it reads."""

import asyncio
import time

import psycopg
import pytest

from swaps.router.resources.snapshot import ResourceSnapshot
from swaps.router.rows import feed as state_feed
from swaps.router.rows.feed import StateFeed
from tests.integration.router.parts import PATIENCE_SECONDS, a_model, database_url, in_thread

ROUNDS = 400
# The second comes so much later at most: about as long as the first takes to be read.
LATEST_SECONDS = 0.002
COMMIT = """
WITH route AS (UPDATE swaps_route SET revision = revision + 1 WHERE id = ANY(%s)
               RETURNING id, revision, model_id)
SELECT id, revision, pg_notify('hotswap_routes', model_id::text) FROM route
"""


async def test_no_revision_is_missed_that_comes_while_others_are_read(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looking at everything once a second would find what was missed.
    monkeypatch.setattr(state_feed, "POLL_SECONDS", 3600.0)
    names = ("iris", "wine", "fraud")
    routes = await in_thread(lambda: [a_model(name).pk for name in names])

    def commit(pause_seconds: float) -> dict[str, int]:
        """Two together, and the third so much later; returns the revisions by table."""
        together = rows.execute(COMMIT, [routes[:2]]).fetchall()
        time.sleep(pause_seconds)
        alone = rows.execute(COMMIT, [routes[2:]]).fetchall()
        return {f"rt_{pk}": revision for pk, revision, _ in together + alone}

    feed = StateFeed(ResourceSnapshot())
    following = asyncio.create_task(feed.run())
    try:
        await feed.reread()
        with psycopg.connect(database_url(), autocommit=True) as rows:
            for number in range(ROUNDS):
                committed = await asyncio.to_thread(commit, LATEST_SECONDS * number / ROUNDS)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    # Beside those of models there is the table of what readers ask.
                    while {
                        name: table.revision
                        for name, table in feed.snapshot.tables.items()
                        if name in committed
                    } != committed:
                        await asyncio.sleep(0.001)
    finally:
        following.cancel()
        await asyncio.to_thread(feed.close)
