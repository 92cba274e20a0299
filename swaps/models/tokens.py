"""API tokens: shown once, kept as a digest."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ApiToken(models.Model):
    name = models.CharField(max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # Whoever makes a token has seen it: two people are two only where this is another one too.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # The ids of whoever may know it besides: those behind the token it was made with.
    known_to = models.JSONField(default=list)
    prefix = models.CharField(max_length=16, help_text="the first characters, to tell tokens apart")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    role = models.CharField(max_length=16)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # The last field, since it takes the name of the module that fields come from.
    # Names, not rows: a scope must not grow to every model when its models are deleted.
    models = models.JSONField(
        null=True,
        blank=True,
        help_text="the names of the only models it sees and acts on; null: every model",
    )

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name = "token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
