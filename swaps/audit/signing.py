"""The keyed hashes of the audit log. Who has the database but not the key can make none.

An entry is signed when it is written, over all that its writer says; a seal covers the entry
as the database holds it, with its number and time, and the seal before it.

HMAC-SHA256 with HOTSWAP_AUDIT_KEY. Each hash names its key, so the key can be changed: the
earlier ones, in HOTSWAP_AUDIT_KEY_FALLBACKS, still verify.
"""

import hashlib
import hmac
import ipaddress
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings

from swaps.models import AuditEntry, AuditSeal

SIGNED = (
    *("actor", "role", "source", "token", "address", "request_id", "action", "object_kind"),
    *("object_name", "swap", "outcome", "reason", "before", "after", "nonce"),
)


class UnknownKey(Exception):
    """The key of a hash is neither the present one nor among the earlier ones."""


def sign(entry: AuditEntry) -> None:
    """Fill in the entry's signature, before it is saved."""
    key = settings.AUDIT_KEY
    entry.key_id = key_id_of(key)
    entry.signature = _hmac(key, "entry", _content(entry))


def is_genuine(entry: AuditEntry) -> bool:
    """Raises UnknownKey."""
    right = _hmac(_key(entry.key_id), "entry", _content(entry))
    return hmac.compare_digest(entry.signature, right)


def digest_of(entry: AuditEntry) -> str:
    """Of all columns, those that the database filled in among them."""
    whole = [entry.pk, _moment(entry.at), _content(entry), entry.key_id, entry.signature]
    return hashlib.sha256(_canonical(whole)).hexdigest()


def mac_of(seal: AuditSeal, before: str) -> str:
    """`before` is the mac of the seal before it, "" for the first. Raises UnknownKey."""
    content = [seal.number, seal.entry_id, seal.digest, _moment(seal.sealed_at), before]
    return _hmac(_key(seal.key_id), "seal", content)


@cache
def key_id_of(key: str) -> str:
    """Tells keys apart and tells nothing about them."""
    return hashlib.sha256(b"hotswap audit key " + key.encode()).hexdigest()[:8]


def _key(key_id: str) -> str:
    for key in (settings.AUDIT_KEY, *settings.AUDIT_KEY_FALLBACKS):
        if key_id_of(key) == key_id:
            return str(key)
    raise UnknownKey(
        f"key {key_id or '(none)'}, which is neither HOTSWAP_AUDIT_KEY nor one of "
        "HOTSWAP_AUDIT_KEY_FALLBACKS"
    )


def _content(entry: AuditEntry) -> Mapping[str, Any]:
    return {name: _plain(name, getattr(entry, name)) for name in SIGNED}


def _plain(name: str, value: Any) -> Any:
    """The same before a row is written and after it is read back."""
    if value is None:
        return None
    if name == "address":
        return str(ipaddress.ip_address(value))
    if name in {"before", "after"}:
        return _as_stored(json.loads(json.dumps(value)))
    return str(value)


def _as_stored(value: Any) -> Any:
    """Postgres keeps numbers as decimals: what was 1e22 or -0.0 comes back as an integer."""
    if isinstance(value, dict):
        return {key: _as_stored(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_stored(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _hmac(key: str, purpose: str, content: Any) -> str:
    # The purpose comes first, so that no signature of one kind passes for the other.
    return hmac.new(key.encode(), _canonical([purpose, content]), hashlib.sha256).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
