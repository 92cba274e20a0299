"""Real Postgres, Valkey and model hosts, left as they were found."""

import pytest


@pytest.fixture(autouse=True)
def _engine_at_rest(engine_at_rest: None) -> None:
    """After each test."""
