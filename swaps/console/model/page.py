"""A model: what serves, on which hosts, its versions, queue, swaps and traffic. Live."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_safe

from swaps.access.roles import Action, Actor, Role, role_of
from swaps.console.model.buttons import main_buttons, managing_buttons
from swaps.console.model.traffic_charts import TrafficChart, traffic_charts
from swaps.console.shared.database_clock import database_now
from swaps.console.shared.live_page import render_fragments, render_personal
from swaps.console.shared.pages import show
from swaps.console.shared.visitors import Visitor
from swaps.console.shared.watch import Look
from swaps.domain.commands import Command
from swaps.domain.names import name_problem
from swaps.domain.states import SwapState
from swaps.live.broadcast import model_group
from swaps.models import ServedModel, SwapOperation
from swaps.readings.model.models import ModelReading, read_model
from swaps.readings.model.versions import VersionRow, read_versions
from swaps.readings.shared.pages import CursorInvalid, Page
from swaps.readings.swap.swaps import SwapReading, read_swap, read_swaps
from swaps.readings.traffic.history import TrafficHistory, read_traffic_history

FOLDER = "model"
SHARED_FRAGMENTS = ("serving", "versions", "traffic", "history")
# Those with buttons depend on who looks.
PERSONAL_FRAGMENTS = ("commands", "queue", "managing")
HISTORY_SHOWN = 10
CHARTED_SECONDS = 10 * 60
PACE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class LiveModel:
    """All that the page shows, read at one moment."""

    now: datetime
    reading: ModelReading
    versions: list[VersionRow]
    open_swap: SwapReading | None
    last_completed: SwapOperation | None  # by which what serves came to serve
    history: Page[SwapReading]
    older: str  # from where on the history is shown; "": from the newest
    traffic: TrafficHistory

    @property
    def serving(self) -> list[VersionRow]:
        return [row for row in self.versions if row.reading.weight]

    @property
    def charts(self) -> list[TrafficChart]:
        return traffic_charts(self.traffic)

    @property
    def older_address(self) -> str:
        cursor = self.history.cursor
        if cursor is None:
            return ""
        query = QueryDict(mutable=True)
        query["older"] = cursor
        return f"{reverse('model', args=[self.reading.name])}?{query.urlencode()}"


def look_at_model(name: str, older: str = "") -> LiveModel | None:
    """The model as it is now; None when there is none of that name. Raises CursorInvalid."""
    model = ServedModel.objects.filter(name=name).first() if not _no_name(name) else None
    if model is None:
        return None
    try:
        reading = read_model(name)
    except ServedModel.DoesNotExist:  # just deleted
        return None
    now = database_now()
    open_swaps = SwapOperation.objects.select_related("model").filter(pk__in=[reading.open_swap])
    swap = open_swaps.first() if reading.open_swap else None
    return LiveModel(
        now=now,
        reading=reading,
        versions=read_versions(reading),
        open_swap=read_swap(swap) if swap is not None else None,
        last_completed=_last_completed(reading),
        history=read_swaps(model=name, cursor=older or None, limit=HISTORY_SHOWN),
        older=older,
        traffic=read_traffic_history(model, seconds=CHARTED_SECONDS),
    )


def _no_name(name: str) -> bool:
    return name_problem(name, of="model") is not None


def _last_completed(model: ModelReading) -> SwapOperation | None:
    serving = next((v for v, percent in model.route.weights.items() if percent == 100), None)
    if serving is None:
        return None
    completed = SwapOperation.objects.filter(model__name=model.name, state=SwapState.COMPLETED)
    last = completed.order_by("-start_time").first()
    return last if last is not None and last.to_version == serving else None


@dataclass(frozen=True, slots=True)
class ModelSubject:
    """A model, to be watched; `older`: with its history from there on."""

    name: str
    older: str = ""

    @classmethod
    def of(cls, *, name: str, query: str) -> Self:
        return cls(name, QueryDict(query).get("older", ""))

    def __str__(self) -> str:
        return f"model {self.name}"

    @property
    def group(self) -> str:
        return model_group(self.name)

    def look(self, after: int | None) -> Look | None:
        try:
            model = look_at_model(self.name, self.older)
        except CursorInvalid:
            return None
        if model is None:
            return None

        return Look(
            shared=render_fragments(FOLDER, SHARED_FRAGMENTS, {"model": model}, model.now),
            render_for=render_personal(
                FOLDER, PERSONAL_FRAGMENTS, lambda role: _context(model, role)
            ),
            pace=PACE_SECONDS,
        )


def _context(model: LiveModel, role: Role | None) -> dict[str, object]:
    reader = Actor("", role, "console")
    return {
        "model": model,
        "buttons": main_buttons(role, model.reading, model.last_completed),
        "managing": managing_buttons(role, model.reading),
        "may_cancel": reader.may(Command.CANCEL),
        "may_release": reader.may(Action.RELEASE_QUEUE),
        "visitor": Visitor(role),
        "live": {"now": model.now},
    }


@require_safe
def model(request: HttpRequest, name: str) -> HttpResponse:
    """Without script or websocket this is the model at the time of loading."""
    try:
        found = look_at_model(name, request.GET.get("older", ""))
    except CursorInvalid as problem:
        raise Http404(str(problem)) from problem
    if found is None:
        raise Http404(f"no model {name!r} is registered")
    return show(request, _context(found, role_of(request.user)))
