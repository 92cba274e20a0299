"""HTTP and websockets, as Daphne serves them."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hotswap_site.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
