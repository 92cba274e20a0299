"""A token for some models pages through their swaps, and asks for no others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from swaps.models import SwapOperation
from swaps.readings.swap.swaps import read_swaps
from tests.integration.readings.rows import a_model, a_swap

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scope", [{"iris"}, {"iris", "wine"}, {"iris", "wine", "none"}, {"none"}])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_are_in_order_and_whole(scope: set[str], descending: bool) -> None:
    models = [a_model(name) for name in ("iris", "wine", "ranking")]
    began = timezone.now() - timedelta(days=1)
    for n in range(12):
        swap = a_swap(models[n % 3], state="Completed", end_time=began)
        SwapOperation.objects.filter(pk=swap.pk).update(start_time=began + timedelta(minutes=n))
    way = "-" if descending else ""
    expected = SwapOperation.objects.filter(model__name__in=scope).order_by(f"{way}start_time")
    found, cursor = [], None
    while True:
        page = read_swaps(
            scope=frozenset(scope), descending=descending, cursor=cursor, limit=3, state="Completed"
        )
        found += [one.id for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [one.pk for one in expected]
