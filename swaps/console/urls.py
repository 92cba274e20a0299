"""The console's addresses. Each page's can be shared: what it shows is in it."""

from django.urls import path

from swaps.console import (
    approving,
    audit,
    command_dialog,
    host_list,
    host_page,
    keys,
    own_password,
    pages,
    router_page,
    search,
    signing_in,
    start_swap,
    swap_list,
)
from swaps.console.consumers import LivePage
from swaps.console.host_list import HostListSubject
from swaps.console.host_page import HostSubject
from swaps.console.live_swap import SwapSubject
from swaps.console.router_page import RouterSubject
from swaps.console.swap_list import SwapListSubject

urlpatterns = [
    path("", pages.overview, name="overview"),
    path("login", signing_in.SignIn.as_view(), name="login"),
    path("logout", signing_in.SignOut.as_view(), name="logout"),
    path("password", own_password.own_password, name="own-password"),
    path("search", search.search_page, name="search"),
    path("search/found", search.found, name="search-found"),
    path("keys", keys.keys, name="keys"),
    path("audit", audit.audit, name="audit"),
    path("audit/newer", audit.newer, name="audit-newer"),
    path("audit/export", audit.export, name="audit-export"),
    path("audit/<int:entry_id>", audit.entry, name="audit-entry"),
    path("hosts", host_list.hosts, name="hosts"),
    path("hosts/<str:name>", host_page.host, name="host"),
    path("router", router_page.router, name="router"),
    path("models/<str:name>", pages.model, name="model"),
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
    path("ws/hosts", LivePage.as_asgi(subject_of=HostListSubject.of, by_query=True)),
    path("ws/hosts/<str:name>", LivePage.as_asgi(subject_of=HostSubject)),
    path("ws/router", LivePage.as_asgi(subject_of=RouterSubject)),
    path("ws/swaps", LivePage.as_asgi(subject_of=SwapListSubject.of, by_query=True)),
    path("ws/swaps/<uuid:swap_id>", LivePage.as_asgi(subject_of=SwapSubject)),
]
