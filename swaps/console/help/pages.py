"""The entries of the handbook's pages."""

from swaps.console.help import page
from swaps.console.shared.pages import Page

PAGES = (
    Page(name="help", path="help", view=page.contents, template="console/help/contents.html"),
    Page(
        name="help-page",
        path="help/<str:reader>/<str:name>",
        view=page.help_page,
        template="console/help/page.html",
    ),
)
