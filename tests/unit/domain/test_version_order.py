"""Versions in the order in which people count."""

import itertools

import pytest

from swaps.domain.names import version_order

IN_ORDER = ["1.0", "1.9", "1.9.1", "1.10", "1.10-rc2", "2.0", "v2", "v2024-09-30", "v2024-11-03"]


@pytest.mark.parametrize(("earlier", "later"), list(itertools.pairwise(IN_ORDER)))
def test_numbers_count_as_numbers(earlier: str, later: str) -> None:
    assert version_order(earlier) < version_order(later)
