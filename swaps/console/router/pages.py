"""The entries of the router's pages."""

from swaps.console.router import page
from swaps.console.shared.pages import Page, RailEntry

PAGES = (
    Page(
        name="router",
        path="router",
        view=page.router,
        template="console/router/page.html",
        rail=RailEntry("Router", "r", "router"),
        handbook=("running/envoys-elsewhere", "running/processes", "evidence/faults"),
        subject=page.RouterSubject,
    ),
    Page(
        name="retire-node",
        path="router/nodes/<str:nonce>/retire",
        view=page.retire,
        place="router",
        handbook=("running/envoys-elsewhere",),
    ),
)
