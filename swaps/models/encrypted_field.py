"""Host credentials at rest: encrypted in the column, plain only in memory."""

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class StillEncrypted(str):
    """A credential as it is stored: none of our keys opens it. It is saved as it is, so that
    the key may come back, and sent nowhere.
    """

    __slots__ = ()


def _keys() -> tuple[Fernet, ...]:
    return _keys_of(settings.CREDENTIAL_KEY, *settings.CREDENTIAL_KEY_FALLBACKS)


@cache
def _keys_of(*secrets: str) -> tuple[Fernet, ...]:
    """Made once: each swap opens a credential several times."""
    digests = (hashlib.sha256(secret.encode()).digest() for secret in secrets)
    return tuple(Fernet(base64.urlsafe_b64encode(digest)) for digest in digests)


def encrypted_anew(stored: str) -> str | None:
    """Under the present key; None where it is already. Raises InvalidToken."""
    keys = _keys()
    try:
        keys[0].decrypt(stored.encode())
    except InvalidToken:
        return MultiFernet(keys).rotate(stored.encode()).decode()
    return None


# Django's fields take type arguments in their stubs only.
if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField


class EncryptedTextField(_TextField):
    def get_prep_value(self, value: Any) -> Any:
        if not value:
            return ""
        if isinstance(value, StillEncrypted):
            return str(value)
        return _keys()[0].encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> str:
        if not value:
            return ""
        try:
            return MultiFernet(_keys()).decrypt(value.encode()).decode()
        except InvalidToken:
            # One host's lost key must not take the reading of all hosts with it.
            return StillEncrypted(value)
