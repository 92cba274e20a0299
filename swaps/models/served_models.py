"""A model: the name that clients call, and the defaults its swaps start from."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from swaps.models.name_field import NameField


class DrainTimeoutPolicy(models.TextChoices):
    """What a swap does when the old version is not idle by the drain deadline."""

    WAIT = "wait", "wait: ask the operator"
    ROLLBACK = "rollback", "roll back"
    FORCE = "force", "force: unload anyway (administrators only)"


class ServedModel(models.Model):
    name = NameField(of="model", unique=True)
    # A valid infer body. Warm-up sends it, and the console shows it to newcomers.
    # Null: one is made from the host's metadata.
    sample_request = models.JSONField(null=True, blank=True)
    # The strategy of swaps that name none: these steps, or those that the name stands for when
    # the swap is made. `swaps.commands.swaps.strategies` sets and reads both.
    default_strategy = models.JSONField(default=dict, blank=True)
    named_strategy = models.ForeignKey(
        "swaps.NamedStrategy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="default_of",
    )
    drain_timeout_seconds = models.PositiveIntegerField(default=30)
    load_timeout_seconds = models.PositiveIntegerField(default=600)
    on_drain_timeout = models.CharField(
        max_length=10, choices=DrainTimeoutPolicy, default=DrainTimeoutPolicy.WAIT
    )
    keep_warm_seconds = models.PositiveIntegerField(default=0)
    protected = models.BooleanField(
        default=False, help_text="a swap waits for the approval of a second person"
    )
    # After a Failed or RolledBack swap the queue waits until an operator releases it,
    # so that a chain 1.0→1.1→1.2 does not go on from a version that never served.
    queue_held_reason = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "model"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(named_strategy=None) | models.Q(default_strategy={}),
                name="one_default_strategy",
            )
        ]

    def __str__(self) -> str:
        return self.name
