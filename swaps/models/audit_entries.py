"""The audit log's rows. Entries and seals are only ever added: triggers refuse the rest.

Those triggers are in a migration and not beside the models, as others are: the ones that
django-pgtrigger makes let through whoever sets the variable `pgtrigger.ignore`, which any role
may. See swaps/migrations/0006_audit_signed_and_sealed.py.
"""

import uuid
from typing import ClassVar

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
    # What only Hotswap can have written carries its signature; see swaps.audit.signing.
    nonce = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    key_id = models.CharField(max_length=8, default="", editable=False)
    signature = models.CharField(max_length=64, default="", editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            models.Index(fields=["-at"], name="audit_newest"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["object_name", "-id"], name="audit_by_object"),
            models.Index(
                fields=["swap", "-id"], name="audit_by_swap", condition=models.Q(swap__isnull=False)
            ),
            models.Index(fields=["role", "-id"], name="audit_by_role"),
            models.Index(fields=["source", "-id"], name="audit_by_source"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["object_kind", "-id"], name="audit_by_kind"),
            models.Index(
                fields=["token", "-id"], name="audit_by_token", condition=~models.Q(token="")
            ),
            models.Index(
                fields=["request_id", "-id"],
                name="audit_by_request",
                condition=~models.Q(request_id=""),
            ),
            models.Index(
                fields=["address", "-id"],
                name="audit_by_address",
                condition=models.Q(address__isnull=False),
            ),
            models.Index(
                fields=["-id"], name="audit_refused", condition=models.Q(outcome="refused")
            ),
            # One more finds parts of reasons: see swaps/migrations, since it needs an extension.
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_name}"


class AuditSeal(models.Model):
    """One entry's place in the chain: `mac` covers it, its entry's digest, and the seal before."""

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3 …, without a gap
    entry_id = models.BigIntegerField(unique=True)  # no reference: it must outlast a removed entry
    digest = models.CharField(max_length=64)  # "" for an entry that was gone before it was sealed
    sealed_at = models.DateTimeField()
    key_id = models.CharField(max_length=8)
    mac = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["number"]


class UnsealedEntry(models.Model):
    """The line of entries that wait for their seal. A trigger puts each entry in, in the
    entry's transaction, so one that commits late is found however many came before it.
    """

    entry_id = models.BigIntegerField(primary_key=True)


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
