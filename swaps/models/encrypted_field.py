"""Host credentials at rest: encrypted in the column, plain only in memory."""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class CredentialUnreadable(Exception):
    """A stored credential was encrypted with a key we no longer have: enter it again."""


def _cipher() -> MultiFernet:
    secrets = [settings.CREDENTIAL_KEY, *settings.CREDENTIAL_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(s.encode()).digest())) for s in secrets]
    )


# Django's fields take type arguments in their stubs only.
if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField


class EncryptedTextField(_TextField):
    def get_prep_value(self, value: Any) -> Any:
        if not value:
            return ""
        return _cipher().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> str:
        if not value:
            return ""
        try:
            return _cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise CredentialUnreadable(
                "a host credential cannot be decrypted with HOTSWAP_CREDENTIAL_KEY; "
                "restore the key or enter the credential again"
            ) from error
