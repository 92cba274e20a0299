"""Who is behind a request that a session signed in: for the console and the admin."""

import re
import uuid

from django.http import HttpRequest

from swaps.access.roles import Actor, role_of

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def actor_in_session(request: HttpRequest, source: str) -> Actor:
    """For the command, and for the audit entry that it leaves."""
    given = request.headers.get("X-Request-ID", "")
    return Actor(
        name=request.user.get_username(),
        role=role_of(request.user),
        source=source,
        address=request.META.get("REMOTE_ADDR") or None,
        # A proxy's id, so that its log and our audit log can be laid side by side.
        request_id=given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex,
        user_id=request.user.pk,
    )
