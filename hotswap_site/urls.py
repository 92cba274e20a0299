"""Where each door is: console, API, admin, and the probes."""

from django.urls import include, path
from django.views.generic import RedirectView

from swaps.admin.site import site as admin
from swaps.api import door, metrics, probes
from swaps.console.account.signing_in import SignOut, admin_sign_in

urlpatterns = [
    path("admin/login/", admin_sign_in),
    path("admin/logout/", SignOut.as_view()),
    path("admin/password_change/", RedirectView.as_view(pattern_name="own-password")),
    path("admin/", admin.urls),
    path("api/v1/", door.urls),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", metrics.metrics),
    path("", include("swaps.console.urls")),
]

handler500 = "swaps.console.shared.trouble.server_error"
