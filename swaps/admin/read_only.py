"""What only the engine writes, and the audit log: to be looked at, and found."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from swaps.admin.base import ThroughEngine
from swaps.admin.links import link_to
from swaps.admin.site import site
from swaps.db.version_order import version_order
from swaps.models import AuditEntry, Placement, SwapEvent, SwapOperation


class ReadOnlyAdmin(ThroughEngine):
    """Nothing is added, changed or deleted."""

    adds = changes = False
    actions = ()


@admin.register(Placement, site=site)
class PlacementAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "desired", "observed", "observed_at", "host_link", "model_link")
    list_filter = ("observed", "desired", "host", "model")
    search_fields = ("version", "model__name", "host__name")
    list_select_related = ("host", "model")
    ordering = ("model__name", version_order("version"), "host__name")
    fields = (
        *("host_link", "model_link", "version", "desired", "observed", "observed_reason"),
        *("observed_at", "digest", "size_bytes", "boot_id", "answered_at", "warmup_ms"),
        *("unload_owed", "found_loaded"),
    )
    readonly_fields = ("host_link", "model_link")

    @admin.display(description="host", ordering="host")
    def host_link(self, row: Placement) -> SafeString | str:
        return link_to(row.host)

    @admin.display(description="model", ordering="model")
    def model_link(self, row: Placement) -> SafeString | str:
        return link_to(row.model)


@admin.register(SwapEvent, site=site)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "from_state", "to_state", "actor", "reason", "swap_link")
    list_filter = ("kind", "to_state", "source")
    search_fields = ("swap__model__name", "actor", "reason")
    list_select_related = ("swap__model",)
    ordering = ("-id",)
    fields = (
        *("swap_link", "generation", "at", "kind", "from_state", "to_state", "actor"),
        *("source", "reason", "data"),
    )
    readonly_fields = ("swap_link",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "swap__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="swap")
    def swap_link(self, event: SwapEvent) -> SafeString | str:
        return link_to(event.swap)


@admin.register(AuditEntry, site=site)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "role", "source", "action", "object_name", "outcome", "reason")
    list_filter = ("outcome", "source", "action", "role")
    search_fields = ("actor", "object_name", "reason", "address", "request_id")
    ordering = ("-id",)
    fields = (
        *("at", "actor", "role", "source", "token", "address", "request_id", "action"),
        *("object_kind", "object_name", "swap_link", "outcome", "reason", "before", "after"),
    )
    readonly_fields = ("swap_link",)

    @admin.display(description="swap")
    def swap_link(self, entry: AuditEntry) -> SafeString | str:
        return link_to(SwapOperation.objects.filter(pk=entry.swap).first()) if entry.swap else "–"
