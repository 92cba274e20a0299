"""Routes and clusters: what every Envoy should do. The router process reads these rows."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from swaps.models.name_field import NameField


class Route(models.Model):
    """A model's weights by version, with a revision that only grows.

    Only the engine's store writes it, in the transaction that changes the swap, and
    tells the router process by NOTIFY (`swaps.live.notify`).
    """

    model = models.OneToOneField(
        "swaps.ServedModel", on_delete=models.PROTECT, related_name="route"
    )
    revision = models.BigIntegerField(default=0)
    # {version: integer percent}; sums to 100, or empty while no version is active.
    # A trigger of the first migration keeps that, whoever writes.
    weights = models.JSONField(default=dict)
    # Versions whose pinned path is served, though they may hold no weight.
    pinned = models.JSONField(default=list)
    # Versions whose pinned path answers 410 since the revision that drained them.
    gone = models.JSONField(default=list)
    # A request header whose value picks the version while weights grow; "" is off, as it is for
    # every route with one version. With it goes the salt of its swap, so that it is not the same
    # callers who get each new version first.
    sticky_header = models.CharField(max_length=64, default="", blank=True)
    split_salt = models.CharField(max_length=32, default="", db_default="", blank=True)
    committed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            # What Envoy's table cannot hold; the whole rule is in swaps.domain.strategies.
            models.CheckConstraint(
                condition=models.Q(sticky_header__regex="^[A-Za-z0-9-]*$"),
                name="route_sticky_header_is_a_header",
            )
        ]
        triggers: ClassVar = [
            # Envoy accepts weights that don't sum to 100, silently: refuse them here.
            pgtrigger.Trigger(
                name="weights_sum_to_100",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NEW.weights <> '{}'::jsonb AND
                       (SELECT sum(value::int) FROM jsonb_each_text(NEW.weights)) <> 100
                    THEN RAISE EXCEPTION 'weights of route % sum to other than 100: %',
                         NEW.id, NEW.weights USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} revision {self.revision}"

    @staticmethod
    def table_name(pk: int) -> str:
        """The RouteConfiguration's name in Envoy. No dots: it is part of a stat name."""
        return f"rt_{pk}"


class Cluster(models.Model):
    """The endpoints of one version, as one Envoy cluster; its name is never used again."""

    model = models.ForeignKey(
        "swaps.ServedModel", on_delete=models.PROTECT, related_name="clusters"
    )
    version = NameField(of="version")
    generation = models.PositiveIntegerField()
    # [{"host": name, "address": ip, "port": int, "tls": bool, "name": of its certificate,
    #   "not_begun": the header by which it says that it has begun nothing, or "",
    #   "idle": seconds after which a connection to it without a request is closed}]
    endpoints = models.JSONField()
    # Where the hosts serve this version: {"infer": path, "ready": path, "metadata": path,
    #   "health": path that answers 2xx if and only if it can take requests}
    paths = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model", "version", "generation"], name="cluster_generation_once"
            ),
            models.UniqueConstraint(
                fields=["model", "version"],
                condition=models.Q(retired_at=None),
                name="cluster_one_live_per_version",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["retired_at"], name="cluster_retired")]

    def __str__(self) -> str:
        return f"{self.model} {self.version} generation {self.generation}"

    @property
    def name(self) -> str:
        return self.name_of(self.pk)

    @staticmethod
    def name_of(pk: int) -> str:
        """The cluster's name in Envoy. From the key, which is never given out twice."""
        return f"hs_{pk}"
