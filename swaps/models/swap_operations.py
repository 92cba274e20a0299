"""A swap, and the events that tell its story."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from swaps.domain.activity import Undecided
from swaps.domain.states import END_STATES, Phase, SwapState, phase_of
from swaps.models.name_field import NameField
from swaps.models.served_models import DrainTimeoutPolicy

STATE_CHOICES = [(state.value, state.value) for state in SwapState]
END_STATE_VALUES = sorted(state.value for state in END_STATES)


class SwapOperation(models.Model):
    """One version put in another's place. Written by the engine's store alone.

    Inputs are frozen when it is made; `generation` counts the writes, and each write
    names the generation that it read.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey("swaps.ServedModel", on_delete=models.PROTECT, related_name="swaps")
    # Null for an activation: a swap from nothing.
    from_version = models.CharField(max_length=63, null=True, blank=True)  # noqa: DJ001
    to_version = NameField(of="version")
    state = models.CharField(max_length=24, choices=STATE_CHOICES, default=SwapState.NOT_STARTED)
    generation = models.BigIntegerField(default=0)

    # Frozen inputs.
    strategy = models.JSONField()
    source_hosts = models.JSONField(default=list)
    target_hosts = models.JSONField(default=list)
    digests = models.JSONField(default=dict)  # {host: sha256 of the target's artifact}
    sample_request = models.JSONField(null=True, blank=True)
    warmup_requests = models.PositiveIntegerField(default=3)
    min_ready_hosts = models.PositiveIntegerField(null=True, blank=True)
    load_timeout_seconds = models.PositiveIntegerField(default=600)
    apply_timeout_seconds = models.PositiveIntegerField(default=30)
    drain_timeout_seconds = models.PositiveIntegerField(default=30)
    swap_timeout_seconds = models.PositiveIntegerField(null=True, blank=True)
    on_drain_timeout = models.CharField(
        max_length=10, choices=DrainTimeoutPolicy, default=DrainTimeoutPolicy.WAIT
    )
    keep_warm_seconds = models.PositiveIntegerField(default=0)
    reason = models.TextField(default="", blank=True)
    requested_by = models.CharField(max_length=150)
    # The ids of all users who may be behind the request: see swaps.access.roles.Actor.people.
    requesters = models.JSONField(default=list)
    # Its model was protected before it began, and it is no way back.
    needs_approval = models.BooleanField(default=False)
    # A rollback of a completed swap is a new swap that names it.
    reverses = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)

    # What people asked for since: flags, not states. The engine acts on them.
    queued = models.BooleanField(default=False)
    abort_requested = models.CharField(max_length=10, default="", blank=True)  # cancel | rollback
    paused = models.BooleanField(default=False)
    promoted_steps = models.PositiveIntegerField(default=0)  # steps before this one are passed
    promoted_full = models.BooleanField(default=False)
    bake_ended = models.BooleanField(default=False)
    forced_by = models.CharField(max_length=150, default="", blank=True)
    roll_forward_requested = models.BooleanField(default=False)

    # Where it is.
    step_index = models.PositiveIntegerField(default=0)
    step_entered_at = models.DateTimeField(null=True, blank=True)
    state_entered_at = models.DateTimeField(db_default=Now())
    revision = models.BigIntegerField(null=True, blank=True)  # the last route revision it wrote
    revision_at = models.DateTimeField(null=True, blank=True)
    # Answers by version when that revision was written; null where traffic moves at once.
    counted = models.JSONField(null=True, blank=True)
    drain_watch = models.ForeignKey(
        "swaps.DrainWatch", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    swap_deadline = models.DateTimeField(null=True, blank=True)  # from when it began to load
    drain_deadline = models.DateTimeField(null=True, blank=True)
    drained_at = models.DateTimeField(null=True, blank=True)
    # The point of no return: from here on the old version may be unloaded.
    past_return_at = models.DateTimeField(null=True, blank=True)
    unload_called_at = models.DateTimeField(null=True, blank=True)
    # It had begun in a backup that was restored then: nobody knows what came after that.
    restored_at = models.DateTimeField(null=True, blank=True)
    # Its hosts restarted empty while traffic moved, and it is loaded there again; how often so far.
    reloading_since = models.DateTimeField(null=True, blank=True)
    reloads = models.PositiveSmallIntegerField(default=0, db_default=0)
    load_began_at = models.DateTimeField(null=True, blank=True)
    # From the commit of the last revision to the last required node's ack.
    routing_update_ms = models.FloatField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    cleanup_pending = models.BooleanField(default=False)
    # What a roll back ends in: RolledBack when a person asked, Failed when the engine gave up.
    failure = models.TextField(default="", blank=True)

    # For the operator, and for whoever looks next.
    waiting_for = models.TextField(default="", blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)
    # A worker waits for this swap's acks itself until then: no wake-up is needed.
    attended_until = models.DateTimeField(null=True, blank=True)
    start_time = models.DateTimeField(db_default=Now(), editable=False)
    end_time = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)  # noqa: DJ001 - null unless Failed, in the API too

    class Meta:
        ordering: ClassVar = ["-start_time"]
        verbose_name = "swap"
        constraints: ClassVar = [
            # One open swap a model, whoever races: the database decides.
            models.UniqueConstraint(
                fields=["model"],
                condition=models.Q(queued=False) & ~models.Q(state__in=END_STATE_VALUES),
                name="one_open_swap_a_model",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[s.value for s in SwapState]), name="swap_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(from_version=models.F("to_version")),
                name="swap_changes_version",
            ),
            models.CheckConstraint(
                condition=models.Q(queued=False)
                | models.Q(state=SwapState.NOT_STARTED)
                | models.Q(state__in=END_STATE_VALUES),
                name="only_waiting_swaps_are_queued",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_check_at"],
                condition=~models.Q(state__in=END_STATE_VALUES) | models.Q(cleanup_pending=True),
                name="swap_due",
            ),
            models.Index(fields=["model", "-start_time", "-id"], name="swap_of_model"),
            models.Index(
                fields=["start_time"],
                condition=~models.Q(state__in=END_STATE_VALUES),
                name="swap_open",
            ),
            models.Index(
                fields=["end_time", "state"],
                condition=models.Q(end_time__isnull=False),
                name="swap_ended",
            ),
            # A swap comes into it with its end: what runs pays nothing for it.
            models.Index(
                fields=["state", "-start_time", "-id"],
                condition=models.Q(state__in=END_STATE_VALUES),
                name="swap_by_end",
            ),
            models.Index(fields=["-start_time", "-id"], name="swap_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.from_version or 'nothing'} → {self.to_version}"

    @property
    def model_name(self) -> str:
        return self.model.name

    @property
    def phase(self) -> Phase:
        return phase_of(SwapState(self.state))


def undecided(swap: SwapOperation) -> Undecided:
    """What of a swap decides whether its versions are active."""
    return Undecided(
        from_version=swap.from_version,
        to_version=swap.to_version,
        state=SwapState(swap.state),
        routed=swap.revision is not None,
        past_return=swap.past_return_at is not None,
    )


class EventKind(models.TextChoices):
    """What an event records."""

    CREATED = "created", "the swap was asked for"
    TRANSITION = "transition", "the state changed"
    STEP = "step", "a step of the work was done"
    COMMAND = "command", "a person or a token asked for something"
    PROBLEM = "problem", "something went wrong, and what is done about it"


class SwapEvent(models.Model):
    """One line of a swap's timeline, committed with the change that it tells of."""

    swap = models.ForeignKey(SwapOperation, on_delete=models.CASCADE, related_name="events")
    generation = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=12, choices=EventKind)
    from_state = models.CharField(max_length=24, default="", blank=True)
    to_state = models.CharField(max_length=24, default="", blank=True)
    actor = models.CharField(max_length=150)
    source = models.CharField(max_length=16)
    reason = models.TextField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name = "event"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["swap", "generation"], name="one_event_a_generation")
        ]

    def __str__(self) -> str:
        return f"{self.swap_id} {self.generation} {self.kind}"
