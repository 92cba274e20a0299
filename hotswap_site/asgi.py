"""HTTP and websockets, as Daphne serves them."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application

# First of all: it loads the apps, which the imports below need.
http = get_asgi_application()

from hotswap_site.readers_pace import AtTheReadersPace  # noqa: E402 - the apps come first
from hotswap_site.request_threads import ConnectionsComeBack  # noqa: E402 - the apps come first
from hotswap_site.trusted_proxies import BelieveTrustedProxies  # noqa: E402 - needs the settings
from swaps.console.urls import websocket_urlpatterns  # noqa: E402 - the apps come first
from swaps.live.wake import open_the_way  # noqa: E402

open_the_way()
# All that was imported stays: collections need not go through it again and again.
gc.collect()
gc.freeze()

application = BelieveTrustedProxies(
    ProtocolTypeRouter(
        {
            "http": AtTheReadersPace(ConnectionsComeBack(http)),
            # A browser sends the cookie with a websocket that any other site opens: only pages
            # of our own hosts may.
            "websocket": AllowedHostsOriginValidator(
                CookieMiddleware(URLRouter(websocket_urlpatterns))
            ),
        }
    )
)
