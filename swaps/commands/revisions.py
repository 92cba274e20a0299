"""Which contents an edit was made upon: of two people who edit one thing, the later is told."""

from collections.abc import Mapping
from typing import Any

from django.utils.crypto import salted_hmac

from swaps.commands.errors import Stale

_SALT = "swaps.commands.revisions"
_CHARACTERS = 8


def revision_of(contents: Mapping[str, Any]) -> str:
    """A text that changes with any of these values, one part a value in the order of their names.

    Keyed, because among the values may be a secret, and everybody may see the revision.
    """
    return ".".join(_part(name, contents[name]) for name in sorted(contents))


def require_unchanged(
    kind: str, name: str, contents: Mapping[str, Any], if_match: str | None
) -> None:
    """`if_match`: the revision that was looked at; None: whatever it is by now.

    To be called with the row locked. Raises Stale, which says what was changed since.
    """
    if if_match is None:
        return
    now, then = revision_of(contents).split("."), if_match.split(".")
    if now == then:
        return
    changed: list[str] = []
    if len(now) == len(then):
        pairs = zip(sorted(contents), now, then, strict=True)
        changed = [field for field, ours, theirs in pairs if ours != theirs]
    what = ", ".join(changed) or "something"
    raise Stale(
        f"{what} of {kind} {name} was changed since you looked: look again, then decide", changed
    )


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any], *, secret: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides of what changed, for the audit log; of the secret only that it did."""
    names = [name for name in before if before[name] != after[name]]
    sides = ({name: side[name] for name in names} for side in (before, after))
    old, new = sides
    if secret in new:
        old[secret], new[secret] = "***", "*** (changed)"
    return old, new


def _part(name: str, value: Any) -> str:
    # repr tells 1 from "1" and None from "None".
    mac = salted_hmac(f"{_SALT}.{name}", repr(value), algorithm="sha256")
    return mac.hexdigest()[:_CHARACTERS]
