"""Keys by which callers repeat a request without doing it twice."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """Written in the transaction that makes its swap: there is never one without the other."""

    actor = models.CharField(max_length=150)
    key = models.CharField(max_length=200)
    # SHA-256 of what was asked: the same key with another request is a mistake.
    request_digest = models.CharField(max_length=64)
    swap = models.ForeignKey("swaps.SwapOperation", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["actor", "key"], name="idempotency_key_once_per_actor")
        ]
