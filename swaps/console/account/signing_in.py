"""Signing in and out: throttled, audited, and the same words whatever was wrong."""

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from swaps.access.known_devices import device_of, remember_device
from swaps.access.roles import Actor
from swaps.access.throttles import TooOften, Tried, forget_logins, try_login
from swaps.audit.record import record
from swaps.audit.refusals import record_refusal
from swaps.console.shared.visitors import actor_of


class SignIn(LoginView):
    redirect_authenticated_user = True
    _tried: Tried

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        # Counted before the password is looked at, so that attempts at once count, too.
        name, address = self._who_from_where()
        self._tried = try_login(name, address, device=device_of(request, name))
        if self._tried.too_many:
            return self._wait()
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        name, address = self._who_from_where()
        forget_logins(name, address, device=device_of(self.request, name))
        remember_device(self.request, response, name)
        user = form.get_user()
        record(
            actor=actor_of(self.request),
            action="login",
            object_kind="user",
            object_name=user.get_username(),
        )
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        self._record_refusal("the name or the password is wrong", "wrong-credentials")
        return super().form_invalid(form)

    def _wait(self) -> HttpResponse:
        if self._tried.worth_recording:
            words = (
                "too many attempts within a minute: neither this nor those after it are looked at"
            )
            self._record_refusal(words, TooOften.code)
        form = AuthenticationForm(self.request)
        wait = self._tried.retry_after_seconds
        context = self.get_context_data(form=form, wait_seconds=wait)
        response = render(self.request, "registration/login.html", context, status=429)
        response["Retry-After"] = str(wait)
        return response

    def _who_from_where(self) -> tuple[str, str | None]:
        post, meta = self.request.POST, self.request.META
        return post.get("username", ""), meta.get("REMOTE_ADDR") or None

    def _record_refusal(self, reason: str, code: str) -> None:
        asked = actor_of(self.request)
        record_refusal(
            actor=Actor("unknown", None, "console", asked.address, asked.request_id),
            action="login",
            object_kind="user",
            object_name=self.request.POST.get("username", ""),
            reason=reason,
            code=code,
        )


class SignOut(LogoutView):
    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        actor = actor_of(request)
        if actor.user_id is not None:
            record(actor=actor, action="logout", object_kind="user", object_name=actor.name)
        return super().post(request, *args, **kwargs)


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's own form would be a second door, without a throttle."""
    if request.user.is_authenticated:
        return render(request, "console/shared/no_admin.html", status=403)
    following = request.GET.urlencode() or f"next={reverse('admin:index')}"
    return redirect(f"{reverse('login')}?{following}")
