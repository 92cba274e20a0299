"""The entries of the console's pages say what is true of them."""

from collections import Counter

import pytest
from django.template.loader import get_template

from swaps.console.pages import IN_THE_RAIL, PAGES
from swaps.console.shared.pages import Page
from swaps.handbook import pages as handbook

# They are the handbook, or come before anybody may read it.
WITHOUT_HANDBOOK = {"login", "help", "help-page"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path or "overview")
def test_an_entry_names_what_there_is(page: Page) -> None:
    if page.template:
        get_template(page.template)
    read = [handbook.page(*name.split("/")) for name in page.handbook]
    assert bool(read) is not (page.fragment or page.name in WITHOUT_HANDBOOK)
    assert page.place in {"", *(entry.name for entry in IN_THE_RAIL)}


def test_keys_and_addresses_are_each_for_one_page() -> None:
    keys = Counter(page.rail.key for page in IN_THE_RAIL if page.rail)
    paths = Counter(page.path for page in PAGES)
    assert [one for one, times in (*keys.items(), *paths.items()) if times > 1] == []
