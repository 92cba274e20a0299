"""Where each door is: console, API, admin, and the probes."""

from django.contrib import admin
from django.urls import include, path

from swaps.api import door, metrics, probes
from swaps.console.signing_in import admin_sign_in

urlpatterns = [
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("api/v1/", door.urls),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", metrics.metrics),
    path("", include("swaps.console.urls")),
]
