"""Strategies that people gave a name, beside the ready-made ones."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from swaps.models.name_field import NameField


class NamedStrategy(models.Model):
    """A list of steps under a name. A swap copies it when it is made, so that a change here
    is for swaps to come; `swaps.domain.strategies` says what the steps mean.
    """

    name = NameField(of="strategy", unique=True)
    steps = models.JSONField(
        help_text='for example [{"setWeight": 5}, {"pause": {"duration": 60}}, {"setWeight": 100}]'
    )
    sticky_header = models.CharField(
        max_length=63,
        default="",
        blank=True,
        help_text="a request header whose value decides which version a caller gets",
    )
    description = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "strategy"
        verbose_name_plural = "strategies"

    def __str__(self) -> str:
        return self.name
