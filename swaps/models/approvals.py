"""What a second person said: of a swap of a protected model, and of giving up the protection."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Verdict(models.TextChoices):
    APPROVED = "approved"
    REJECTED = "rejected"


class SwapApproval(models.Model):
    """One person's word on a swap, for the inputs that had this digest and no others."""

    swap = models.ForeignKey(
        "swaps.SwapOperation", on_delete=models.CASCADE, related_name="approvals"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Of all users who may have spoken: see swaps.access.roles.Actor.people.
    people = models.JSONField()
    verdict = models.CharField(max_length=8, choices=Verdict)
    digest = models.CharField(max_length=64)
    reason = models.TextField(default="", blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["swap", "user"], name="one_word_a_person_and_swap"),
            models.CheckConstraint(
                condition=models.Q(verdict__in=Verdict.values), name="approval_verdict_known"
            ),
            models.CheckConstraint(
                condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"), name="approval_names_a_digest"
            ),
            models.CheckConstraint(
                condition=models.Q(verdict=Verdict.APPROVED) | ~models.Q(reason=""),
                name="rejected_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.user}"


class UnprotectRequest(models.Model):
    """An administrator wants a model's protection gone; it goes when another says so too."""

    model = models.OneToOneField(
        "swaps.ServedModel", on_delete=models.CASCADE, related_name="unprotect_request"
    )
    requested_by = models.CharField(max_length=150)
    requesters = models.JSONField()  # ids of users, as those of a swap
    reason = models.TextField(default="", blank=True)
    requested_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.model}: asked for by {self.requested_by}"
