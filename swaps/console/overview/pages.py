"""The entries of the first page, and of search."""

from swaps.console.overview import page, search
from swaps.console.shared.pages import Page, RailEntry

PAGES = (
    Page(
        name="overview",
        path="",
        view=page.overview,
        template="console/overview/page.html",
        rail=RailEntry("Overview", "o", "overview"),
        handbook=("operator/console", "operator/one-swap"),
        subject=page.OverviewSubject,
    ),
    Page(
        name="search",
        path="search",
        view=search.search_page,
        template="console/overview/search/page.html",
        handbook=("operator/console",),
    ),
    Page(name="search-found", path="search/found", view=search.found, fragment=True),
)
