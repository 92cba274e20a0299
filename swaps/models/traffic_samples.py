"""What the routers counted while a swap moved traffic: its curve, and its requests and errors."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class TrafficSample(models.Model):
    """One look at the gauges of a swap's two versions, for the record: nobody decides by it.

    Null: not known. Answers and errors (5xx) are counted since the nodes started; `nodes` tells
    which these were, and only counts of the same nodes can be subtracted.
    """

    swap = models.ForeignKey(
        "swaps.SwapOperation", on_delete=models.CASCADE, related_name="traffic_samples"
    )
    at = models.DateTimeField(db_default=Now())
    nodes = models.CharField(max_length=32)
    old_in_flight = models.BigIntegerField(null=True)
    new_in_flight = models.BigIntegerField(null=True)
    old_answers = models.BigIntegerField(null=True)
    new_answers = models.BigIntegerField(null=True)
    old_errors = models.BigIntegerField(null=True)
    new_errors = models.BigIntegerField(null=True)
    # Of the slowest node, over the seconds before; null also where it lies above what is measured.
    old_p95_ms = models.FloatField(null=True)
    new_p95_ms = models.FloatField(null=True)

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        indexes: ClassVar = [
            models.Index(fields=["swap", "at"], name="samples_of_swap"),
            models.Index(fields=["at"], name="samples_by_age"),
        ]
