"""The handbook: every page that is listed is there, is linked right, and is found."""

import re

import pytest

from swaps.handbook import pages as handbook
from swaps.handbook.contents import READERS

PAGES = [(reader.folder, name) for reader in READERS for name in reader.pages]


@pytest.mark.parametrize(("reader", "name"), PAGES)
def test_a_page_has_a_title_and_something_to_say(reader: str, name: str) -> None:
    page = handbook.page(reader, name)
    assert page.html.startswith("<h1>")
    assert sum(len(section.words) for section in page.sections) > 100


def test_every_file_is_listed() -> None:
    files = {(path.parent.name, path.stem) for path in handbook.FOLDER.glob("*/*.md")}
    assert files == set(PAGES)


def test_links_between_pages_lead_somewhere() -> None:
    addresses = {page.address for page in handbook.pages()}
    anchors = {
        f"{page.address}#{section.anchor}" for page in handbook.pages() for section in page.sections
    }
    for page in handbook.pages():
        for link in re.findall(rf'href="({handbook.ADDRESS}/[^"]*)"', page.html):
            assert link in (anchors if "#" in link else addresses), f"{page.address}: {link}"
        assert '.md"' not in page.html, page.address


def test_markdown_makes_no_html_of_its_own() -> None:
    rendered = handbook.MARKDOWN.render("<script>alert(1)</script> [x](javascript:alert(1))")
    assert "<script>" not in rendered
    assert "href" not in rendered


def test_a_section_is_found_by_all_its_words_and_headings_come_first() -> None:
    hits = handbook.search("audit log")
    assert hits
    assert "audit" in hits[0].page.title.casefold()
    assert handbook.search("a word that nobody wrote, zyxw") == []
    assert handbook.search("  ") == []


def test_a_page_that_is_not_listed_is_none() -> None:
    with pytest.raises(handbook.NoSuchPage):
        handbook.page("operator", "../contents")
