"""All pages of the console: those of the rail in its order, and what belongs to them."""

from swaps.console.account.pages import PAGES as ACCOUNT
from swaps.console.audit.pages import PAGES as AUDIT
from swaps.console.help.pages import PAGES as HELP
from swaps.console.host.pages import PAGES as HOST
from swaps.console.model.pages import PAGES as MODEL
from swaps.console.overview.pages import PAGES as OVERVIEW
from swaps.console.router.pages import PAGES as ROUTER
from swaps.console.shared.keys import keys
from swaps.console.shared.pages import Page
from swaps.console.swap.pages import PAGES as SWAP

_KEYS = Page(
    name="keys",
    path="keys",
    view=keys,
    template="console/shared/keys/page.html",
    handbook=("operator/console",),
)
PAGES = (*OVERVIEW, *MODEL, *SWAP, *HOST, *ROUTER, *AUDIT, *ACCOUNT, *HELP, _KEYS)
IN_THE_RAIL = tuple(page for page in PAGES if page.rail is not None)
