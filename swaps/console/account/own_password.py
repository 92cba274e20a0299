"""Changing one's own password: whoever signs in may, whatever their role."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from swaps.access.known_devices import device_of
from swaps.access.throttles import forget_logins, try_login
from swaps.commands.errors import InvalidRequest
from swaps.commands.people.users import change_own_password
from swaps.console.shared.pages import show
from swaps.console.shared.refusals import Refusal, refusal_of
from swaps.console.shared.visitors import actor_of

# What it asks for: name, label, what the browser fills in, hint.
FIELDS = (
    ("old_password", "The one you have", "current-password", ""),
    (
        "new_password",
        "The new one",
        "new-password",
        "At least eight characters; not common, not only digits, not like your name. "
        "A long phrase is easy to keep.",
    ),
    ("again", "The new one again", "new-password", ""),
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def own_password(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    actor = actor_of(request)
    old, new = request.POST.get("old_password", ""), request.POST.get("new_password", "")
    if new != request.POST.get("again", ""):
        return _page(request, Refusal("This is not what stands above.", 422, "again"))
    # A session left open is no way to guess the password.
    tried = try_login(actor.name, actor.address, device=device_of(request, actor.name))
    if tried.too_many:
        words = f"Too many attempts. Try again in {tried.retry_after_seconds} s."
        response = _page(request, Refusal(words, 429, "old_password"))
        response["Retry-After"] = str(tried.retry_after_seconds)
        return response
    try:
        user = change_own_password(actor=actor, old_password=old, new_password=new)
    except InvalidRequest as refused:
        return _page(request, refusal_of(refused))
    forget_logins(actor.name, actor.address, device=device_of(request, actor.name))
    # Every other session of theirs ends with the old password; this one goes on.
    update_session_auth_hash(request, user)
    messages.success(request, "Your password is changed. Your other sessions have ended.")
    return redirect("overview")


def _page(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    status = refusal.status if refusal else 200
    return show(request, {"fields": FIELDS, "refusal": refusal}, status=status)
