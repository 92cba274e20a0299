"""Wherever versions are listed, 1.9 comes before 1.10."""

import re

import pytest
from django.test import Client

from swaps.db.version_order import version_order as in_postgres
from swaps.domain.names import version_order
from swaps.models import Placement
from swaps.readings.host.hosts import read_hosts
from swaps.readings.model.models import read_model
from swaps.readings.overview.search import search
from swaps.readings.swap.plan import found_versions
from tests.integration.readings.rows import a_host, a_model, placed
from tests.unit.domain.test_version_order import IN_ORDER

pytestmark = pytest.mark.django_db


def test_every_list_of_versions_is_in_the_order_in_which_people_count(operator: Client) -> None:
    model, host = a_model("iris", weights={"1.9": 50, "2.0": 50}), a_host()
    for version in sorted(IN_ORDER):
        placed(model, version, host)
    counted = list(
        Placement.objects.order_by(in_postgres("version")).values_list("version", flat=True)
    )
    assert counted == IN_ORDER
    assert [one.version for one in read_model("iris").versions] == IN_ORDER
    assert [one.version for one in found_versions(model)] == IN_ORDER[::-1]
    [reading] = read_hosts().items
    assert [one.version for one in reading.versions] == IN_ORDER
    assert [one.version for one in search("1.", limit=20).versions] == [
        one for one in IN_ORDER if one.startswith("1.")
    ]
    form = operator.get("/swaps/new?model=iris").content.decode()
    found = re.findall(r'data-fill="to_version" value="([^"]+)"', form)
    assert found == IN_ORDER[::-1]
    assert sorted(found, key=version_order) == IN_ORDER


def test_no_version_is_chosen_that_nobody_chose(operator: Client) -> None:
    """Half way through a canary no version holds all traffic: the form says so."""
    model, host = a_model("iris", weights={"1.9": 50, "2.0": 50}), a_host()
    for version in ("1.9", "2.0"):
        placed(model, version, host)
    form = operator.get("/swaps/new?model=iris").content.decode()
    select = form[form.index('<select id="from_version"') :]
    select = select[: select.index("</select>")]
    assert '<option value="">Choose…</option>' in select
    assert "selected" not in select
