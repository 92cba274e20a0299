"""The entries of the swaps' pages."""

from swaps.access.roles import Action
from swaps.console.shared.pages import Page, RailEntry
from swaps.console.swap import approving, command_dialog, list, page, start
from swaps.console.swap.live_swap import SwapSubject

PAGES = (
    Page(
        name="swaps",
        path="swaps",
        view=list.swaps,
        template="console/swap/list.html",
        rail=RailEntry("Swaps", "s", "swap"),
        handbook=("operator/one-swap", "pipeline/command-line"),
        subject=list.watched,
        by_query=True,
    ),
    Page(
        name="start-swap",
        path="swaps/new",
        view=start.start_swap,
        template="console/swap/start/page.html",
        place="swaps",
        needs=Action.SWAP,
        handbook=("operator/strategies", "operator/one-swap"),
    ),
    Page(
        name="swap-plan",
        path="swaps/new/plan",
        view=start.plan,
        place="swaps",
        needs=Action.SWAP,
        fragment=True,
    ),
    Page(
        name="swap",
        path="swaps/<uuid:swap_id>",
        view=page.swap,
        template="console/swap/page.html",
        place="swaps",
        handbook=("operator/one-swap", "evidence/speed"),
        subject=SwapSubject,
    ),
    *(
        Page(
            name="decide",
            path=f"swaps/<uuid:swap_id>/{verdict}",
            view=approving.decide,
            fixed={"verdict": verdict},
            place="swaps",
            handbook=("administrator/people",),
        )
        for verdict in (approving.APPROVE, approving.REJECT)
    ),
    Page(
        name="swap-command",
        path="swaps/<uuid:swap_id>/<str:command>",
        view=command_dialog.command,
        place="swaps",
        handbook=("operator/one-swap",),
    ),
)
