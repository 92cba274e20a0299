"""The audit log's rows. They are only ever added: triggers refuse the rest."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=16, default="", blank=True)
    source = models.CharField(max_length=16)
    token = models.CharField(max_length=16, default="", blank=True)  # its shown prefix
    address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, default="", blank=True)
    action = models.CharField(max_length=40)
    object_kind = models.CharField(max_length=20)
    object_name = models.CharField(max_length=200)
    swap = models.UUIDField(null=True, blank=True)
    outcome = models.CharField(max_length=10, default="done")  # done | refused
    reason = models.TextField(default="", blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["-at"], name="audit_newest")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_name}"


class RefusalFlood(models.Model):
    """Refusals alike, counted for a minute. The latest one's object and reason stand for all."""

    key = models.CharField(max_length=64, primary_key=True)  # digest of what makes them alike
    times = models.PositiveIntegerField()
    began_at = models.DateTimeField(db_default=Now(), db_index=True)
    last_at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=16, default="", blank=True)
    source = models.CharField(max_length=16)
    token = models.CharField(max_length=16, default="", blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, default="", blank=True)
    action = models.CharField(max_length=40)
    object_kind = models.CharField(max_length=20)
    object_name = models.CharField(max_length=200)
    reason = models.TextField(default="", blank=True)
