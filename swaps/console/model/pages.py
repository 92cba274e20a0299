"""The entries of the models' pages."""

from swaps.access.roles import Action
from swaps.console.model import activation, edits, list, page, questions
from swaps.console.shared.pages import Page, RailEntry

PAGES = (
    Page(
        name="models",
        path="models",
        view=list.models,
        template="console/model/list.html",
        rail=RailEntry("Models", "m", "models"),
        handbook=("operator/console", "pipeline/command-line"),
        subject=list.watched,
        by_query=True,
    ),
    Page(
        name="new-model",
        path="models/new",
        view=edits.new_model,
        template="console/model/form.html",
        place="models",
        needs=Action.MANAGE_MODELS,
        handbook=("operator/strategies",),
    ),
    Page(
        name="found-versions",
        path="models/new/found",
        view=edits.found,
        place="models",
        needs=Action.MANAGE_MODELS,
        fragment=True,
    ),
    Page(
        name="model",
        path="models/<str:name>",
        view=page.model,
        template="console/model/page.html",
        place="models",
        handbook=("operator/one-swap", "pipeline/python"),
        subject=page.ModelSubject.of,
        by_query=True,
    ),
    Page(
        name="edit-model",
        path="models/<str:name>/edit",
        view=edits.edit_model,
        template="console/model/form.html",
        place="models",
        needs=Action.MANAGE_MODELS,
        handbook=("operator/strategies",),
    ),
    Page(
        name="activate",
        path="models/<str:name>/activate",
        view=activation.activate,
        place="models",
        handbook=("operator/one-swap",),
    ),
    Page(
        name="model-ask",
        path="models/<str:name>/<str:what>",
        view=questions.ask_model,
        place="models",
        handbook=("administrator/people",),
    ),
)
