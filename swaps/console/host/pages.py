"""The entries of the hosts' pages."""

from swaps.access.roles import Action
from swaps.console.host import edits, list, page, questions
from swaps.console.shared.pages import Page, RailEntry

PAGES = (
    Page(
        name="hosts",
        path="hosts",
        view=list.hosts,
        template="console/host/list.html",
        rail=RailEntry("Hosts", "h", "hosts"),
        handbook=("operator/console", "pipeline/rest"),
        subject=list.watched,
        by_query=True,
    ),
    Page(
        name="new-host",
        path="hosts/new",
        view=edits.new_host,
        template="console/host/form.html",
        place="hosts",
        needs=Action.MANAGE_HOSTS,
        handbook=("running/processes",),
    ),
    Page(
        name="host",
        path="hosts/<str:name>",
        view=page.host,
        template="console/host/page.html",
        place="hosts",
        handbook=("operator/console",),
        subject=page.HostSubject,
    ),
    Page(
        name="edit-host",
        path="hosts/<str:name>/edit",
        view=edits.edit_host,
        template="console/host/form.html",
        place="hosts",
        needs=Action.MANAGE_HOSTS,
        handbook=("running/processes",),
    ),
    # Whoever may not is refused by the command, which audits it.
    Page(
        name="check-host",
        path="hosts/<str:name>/check",
        view=edits.check_host,
        place="hosts",
        fragment=True,
    ),
    Page(
        name="remove-host",
        path="hosts/<str:name>/remove",
        view=questions.remove_host,
        place="hosts",
        handbook=("running/processes",),
    ),
    Page(
        name="adopt",
        path="hosts/<str:name>/adopt",
        view=questions.adopt_from_host,
        place="hosts",
        handbook=("operator/one-swap",),
    ),
)
