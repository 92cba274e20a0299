"""That processes live, and who sees to what has to be done now and then. Times are Postgres'."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class ProcessKind(models.TextChoices):
    WORKER = "worker"
    ROUTER = "router", "router process"


class ProcessHeartbeat(models.Model):
    """One run of one process, and when it last said that it lives.

    One that ends in order takes its row along. Of those that fell silent the last of each kind
    stays: since when there is none is worth knowing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=10, choices=ProcessKind)
    name = models.CharField(max_length=255)  # such as worker-1@a-machine
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    beat_at = models.DateTimeField(db_default=Now())
    # Its machine's clock against Postgres', as the heartbeat came.
    clock_ahead_seconds = models.FloatField(db_default=0.0)
    # What it cannot do just now, in words; "" when nothing is wrong.
    trouble = models.TextField(db_default="", blank=True)

    class Meta:
        ordering: ClassVar = ["kind", "name", "-started_at"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}"


class PeriodicDuty(models.Model):
    """What one worker at a time does now and then. Whoever takes it when it is due has it; should
    that worker die or stand still, it is due again after the same time.
    """

    name = models.CharField(max_length=40, primary_key=True)
    taken_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
