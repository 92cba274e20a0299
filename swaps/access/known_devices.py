"""A browser that somebody signed in with before, so that strangers' guesses cannot keep it out.

It opens no door: it only has its own count of failed logins. The cookie is signed, names the
person, and is worth nothing for another name.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

COOKIE = "hotswap_device"
DAYS = 180
_SALT = "hotswap.known-device"
_SECONDS = DAYS * 24 * 3600


def device_of(request: HttpRequest, username: str) -> str:
    """Its id; "" for a browser that is not known to be this person's."""
    try:
        name, device = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if name == username.casefold() else ""


def remember_device(request: HttpRequest, response: HttpResponseBase, username: str) -> None:
    device = device_of(request, username) or secrets.token_hex(8)
    response.set_cookie(
        COOKIE,
        signing.dumps([username.casefold(), device], salt=_SALT),
        max_age=_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
