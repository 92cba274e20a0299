"""The entries of the audit log's pages."""

from swaps.console.audit import export, page
from swaps.console.shared.pages import Page, RailEntry

PAGES = (
    Page(
        name="audit",
        path="audit",
        view=page.audit,
        template="console/audit/list.html",
        rail=RailEntry("Audit", "a", "audit"),
        handbook=("administrator/audit-log",),
        subject=page.watched,
        by_query=True,
    ),
    Page(
        name="audit-export",
        path="audit/export",
        view=export.export,
        place="audit",
        needs=None,  # it streams, and asks by itself
        fragment=True,
    ),
    Page(
        name="audit-entry",
        path="audit/<int:entry_id>",
        view=page.entry,
        template="console/audit/entry.html",
        place="audit",
        handbook=("administrator/audit-log",),
    ),
)
