"""The console's addresses. Each page's can be shared: what it shows is in it."""

from django.urls import path

from swaps.console.account import own_password, signing_in
from swaps.console.audit import export as audit_export
from swaps.console.audit import page as audit
from swaps.console.help import page as help_pages
from swaps.console.host import edits as host_edits
from swaps.console.host import list as host_list
from swaps.console.host import page as host_page
from swaps.console.host import questions as host_asks
from swaps.console.host.page import HostSubject
from swaps.console.model import activation
from swaps.console.model import edits as model_edits
from swaps.console.model import list as model_list
from swaps.console.model import page as model_page
from swaps.console.model import questions as model_asks
from swaps.console.model.page import ModelSubject
from swaps.console.overview import page as overview
from swaps.console.overview import search
from swaps.console.overview.page import OverviewSubject
from swaps.console.router import page as router_page
from swaps.console.router.page import RouterSubject
from swaps.console.shared import keys
from swaps.console.shared.consumers import LivePage
from swaps.console.swap import approving, command_dialog
from swaps.console.swap import list as swap_list
from swaps.console.swap import page as pages
from swaps.console.swap import start as start_swap
from swaps.console.swap.live_swap import SwapSubject

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("login", signing_in.SignIn.as_view(), name="login"),
    path("logout", signing_in.SignOut.as_view(), name="logout"),
    path("password", own_password.own_password, name="own-password"),
    path("search", search.search_page, name="search"),
    path("search/found", search.found, name="search-found"),
    path("keys", keys.keys, name="keys"),
    path("help", help_pages.contents, name="help"),
    path("help/<str:reader>/<str:name>", help_pages.help_page, name="help-page"),
    path("audit", audit.audit, name="audit"),
    path("audit/export", audit_export.export, name="audit-export"),
    path("audit/<int:entry_id>", audit.entry, name="audit-entry"),
    path("hosts", host_list.hosts, name="hosts"),
    path("hosts/new", host_edits.new_host, name="new-host"),
    path("hosts/<str:name>", host_page.host, name="host"),
    path("hosts/<str:name>/edit", host_edits.edit_host, name="edit-host"),
    path("hosts/<str:name>/check", host_edits.check_host, name="check-host"),
    path("hosts/<str:name>/remove", host_asks.remove_host, name="remove-host"),
    path("hosts/<str:name>/adopt", host_asks.adopt_from_host, name="adopt"),
    path("router", router_page.router, name="router"),
    path("router/nodes/<str:nonce>/retire", router_page.retire, name="retire-node"),
    path("models", model_list.models, name="models"),
    path("models/new", model_edits.new_model, name="new-model"),
    path("models/new/found", model_edits.found, name="found-versions"),
    path("models/<str:name>", model_page.model, name="model"),
    path("models/<str:name>/edit", model_edits.edit_model, name="edit-model"),
    path("models/<str:name>/activate", activation.activate, name="activate"),
    path("models/<str:name>/<str:what>", model_asks.ask_model, name="model-ask"),
    path("swaps", swap_list.swaps, name="swaps"),
    path("swaps/new", start_swap.start_swap, name="start-swap"),
    path("swaps/new/plan", start_swap.plan, name="swap-plan"),
    path("swaps/<uuid:swap_id>", pages.swap, name="swap"),
    *(
        path(f"swaps/<uuid:swap_id>/{verdict}", approving.decide, {"verdict": verdict}, "decide")
        for verdict in (approving.APPROVE, approving.REJECT)
    ),
    path("swaps/<uuid:swap_id>/<str:command>", command_dialog.command, name="swap-command"),
]


websocket_urlpatterns = [
    path("ws/audit", LivePage.as_asgi(subject_of=audit.watched, by_query=True)),
    path("ws/hosts", LivePage.as_asgi(subject_of=host_list.watched, by_query=True)),
    path("ws/hosts/<str:name>", LivePage.as_asgi(subject_of=HostSubject)),
    path("ws/router", LivePage.as_asgi(subject_of=RouterSubject)),
    path("ws/overview", LivePage.as_asgi(subject_of=OverviewSubject)),
    path("ws/models", LivePage.as_asgi(subject_of=model_list.watched, by_query=True)),
    path("ws/models/<str:name>", LivePage.as_asgi(subject_of=ModelSubject.of, by_query=True)),
    path("ws/swaps", LivePage.as_asgi(subject_of=swap_list.watched, by_query=True)),
    path("ws/swaps/<uuid:swap_id>", LivePage.as_asgi(subject_of=SwapSubject)),
]
