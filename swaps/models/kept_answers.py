"""Answers that are given again to whoever repeats a request."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

KEPT_FOR = timedelta(hours=24)


class KeptAnswer(models.Model):
    """Written in the transaction that did what it tells of: there is never one without the
    other. Refusals are not kept: they did nothing.
    """

    actor = models.CharField(max_length=150)
    key = models.CharField(max_length=200)
    # Keyed digest of who asked what: the same key with another request is a mistake. A plain
    # one would let a reader of this table guess the passwords in requests.
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    location = models.CharField(max_length=500, default="", blank=True)
    body = models.TextField()
    made_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["actor", "key"], name="kept_answer_once_per_key")
        ]
