"""The console's addresses. Each page's can be shared: what it shows is in it."""

from django.urls import path

from swaps.console.pages import PAGES
from swaps.console.shared.consumers import LivePage

urlpatterns = [page.url for page in PAGES]

websocket_urlpatterns = [
    path(
        page.socket_path,
        LivePage.as_asgi(subject_of=page.subject, by_query=page.by_query),
    )
    for page in PAGES
    if page.subject is not None
]
