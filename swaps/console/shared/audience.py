"""May they still look? Asked again before a page that is open gets more.

A websocket outlives the moment it was opened in: its session may end, its user may lose the
role. One question covers all who watch a swap.
"""

from collections.abc import Iterable

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from swaps.access.roles import Action, Actor, Role, role_of


def roles_of_sessions(session_keys: Iterable[str]) -> dict[str, Role]:
    """The role of each session that may look; those missing from the answer may not."""
    keys = set(session_keys)
    sessions = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    contents = {session.session_key: session.get_decoded() for session in sessions}
    user_ids = {data[SESSION_KEY] for data in contents.values() if SESSION_KEY in data}
    users = {
        str(user.pk): user
        for user in User.objects.filter(pk__in=user_ids).prefetch_related("groups")
    }
    roles: dict[str, Role] = {}
    for key, data in contents.items():
        user = users.get(str(data.get(SESSION_KEY)))
        if user is None or BACKEND_SESSION_KEY not in data:
            continue
        # A changed password ends the sessions that were opened with the old one.
        if not constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            continue
        role = role_of(user)
        if role is not None and Actor(user.username, role, "console").may(Action.VIEW):
            roles[key] = role
    return roles
