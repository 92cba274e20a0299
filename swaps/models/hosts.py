"""Model hosts, and placements: which version should be, and is, loaded where."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from swaps.domain.host_addresses import AddressRefused, parse_host_url
from swaps.models.encrypted_field import EncryptedTextField
from swaps.models.name_field import NameField

# Of what hosts say of themselves; longer words are cut where they come in.
BOOT_ID_LENGTH = 64
DIGEST_LENGTH = 80


def validate_host_url(url: str) -> None:
    try:
        parse_host_url(url)
    except AddressRefused as problem:
        raise ValidationError(str(problem)) from problem


class HostHealth(models.TextChoices):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNREACHABLE = "unreachable"


class ModelHost(models.Model):
    """An inference server we can ask to load and unload versions."""

    name = NameField(of="host", unique=True)
    kind = models.CharField(max_length=32, help_text="which adapter speaks to it")
    url = models.CharField(
        max_length=200,
        validators=[validate_host_url],
        help_text="base address, for example http://127.0.0.1:8001",
    )
    # What the URL's name stood for when it was checked; "" for none yet, or for a URL that
    # gives the address itself. Calls and requests go there (swaps.engine.hosts.addresses).
    pinned_address = models.CharField(max_length=45, default="", blank=True, editable=False)
    control_token = EncryptedTextField(
        default="", blank=True, help_text="sent as a bearer token with load and unload"
    )
    max_concurrent_loads = models.PositiveIntegerField(default=1)
    # Of the router's connections to it, while nothing is asked: set by somebody; null: by what was
    # measured, else by its kind (swaps.domain.idle_timeouts).
    idle_timeout_seconds = models.FloatField(null=True, blank=True)
    # For so long it was seen to keep such a connection open; null: not measured yet.
    measured_keep_alive_seconds = models.FloatField(null=True, blank=True, editable=False)
    # When that is measured next (swaps.engine.hosts.keep_alive).
    keep_alive_due_at = models.DateTimeField(db_default=Now(), editable=False)
    health = models.CharField(max_length=16, choices=HostHealth, default=HostHealth.UNKNOWN)
    health_reason = models.TextField(default="", blank=True)
    boot_id = models.CharField(max_length=BOOT_ID_LENGTH, default="", blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    # A worker looks after it until then, see swaps.engine.hosts.rounds; one that died is
    # forgotten after.
    round_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Versions it listed of names that nobody registered, to be adopted: each {"model", "version",
    # "status", "digest", "size_bytes"} (swaps.engine.hosts.reconcile).
    unregistered = models.JSONField(default=list, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "host"
        constraints: ClassVar = [
            models.CheckConstraint(
                # Envoy takes 0 for "never".
                condition=models.Q(idle_timeout_seconds=None)
                | models.Q(idle_timeout_seconds__gt=0),
                name="host_idle_timeout_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Desired(models.TextChoices):
    LOADED = "loaded"
    ABSENT = "absent"


class Observed(models.TextChoices):
    """What the host said when last asked; the words of the adapter contract."""

    ABSENT = "absent"
    AVAILABLE = "available"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Placement(models.Model):
    """One version of one model on one host: what we want, and what was seen.

    Only the engine writes here. `desired` is committed before the host is called,
    so whoever finds the row after a crash knows what was meant.
    """

    host = models.ForeignKey(ModelHost, on_delete=models.PROTECT, related_name="placements")
    model = models.ForeignKey(
        "swaps.ServedModel", on_delete=models.PROTECT, related_name="placements"
    )
    version = NameField(of="version")
    desired = models.CharField(max_length=8, choices=Desired, default=Desired.ABSENT)
    # Grows with every change of intent. Hosts that understand it refuse a smaller one,
    # so a worker that slept through its turn cannot undo what came after.
    fence = models.BigIntegerField(default=0)
    # We gave it up and have not seen it unloaded yet. Without this mark a version that is
    # loaded and not wanted is somebody else's: it shows as drift and is left alone.
    unload_owed = models.BooleanField(default=False)
    # Others had loaded it when a swap came to want it. If that swap is undone, it stays.
    found_loaded = models.BooleanField(default=False, db_default=False)
    observed = models.CharField(max_length=10, choices=Observed, default=Observed.UNKNOWN)
    observed_reason = models.TextField(default="", blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)
    # The first look in a row that was not answered; null: the last one was.
    silent_since = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=DIGEST_LENGTH, default="", blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    # Readiness belongs to a host's boot: a host that restarted empty is not ready,
    # whatever we saw before.
    boot_id = models.CharField(max_length=BOOT_ID_LENGTH, default="", blank=True)
    load_called_at = models.DateTimeField(null=True, blank=True)
    # The intent whose load the host has accepted: until it has heard of the present one, it would
    # obey an unload of an earlier one that comes late.
    load_fence = models.BigIntegerField(default=0, db_default=0, editable=False)
    # A load was called, and neither an answer of the version nor a failure was seen since.
    load_pending = models.BooleanField(default=False, db_default=False, editable=False)
    # How often in a row its host went down with such a load (swaps.engine.hosts.outcomes).
    lost_loads = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    # A real inference came back from this very version in this boot.
    answered_boot_id = models.CharField(max_length=BOOT_ID_LENGTH, default="", blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    warmup_ms = models.FloatField(null=True, blank=True)
    # Whoever calls the host for this placement holds this lease; it ends by itself,
    # so a stopped worker blocks nobody for long.
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["model", "version", "host"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "model", "version"], name="placement_once_per_host"
            ),
            models.CheckConstraint(
                condition=models.Q(desired__in=Desired.values), name="placement_desired_known"
            ),
            models.CheckConstraint(
                condition=models.Q(observed__in=Observed.values), name="placement_observed_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.version} on {self.host}"

    @property
    def answers(self) -> bool:
        """A real inference came back from this version, in the host's present boot."""
        return (
            self.observed == Observed.READY
            and self.answered_boot_id != ""
            and self.answered_boot_id == self.boot_id
        )
