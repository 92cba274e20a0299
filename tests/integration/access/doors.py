"""Every way to do each action: at which door, and how. A new action without one fails a test."""

from collections.abc import Callable, Mapping

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpResponse
from django.urls import reverse

from swaps.access.roles import Action, Actor, Permission
from swaps.console.model.questions import model_ask
from swaps.console.swap.confirmations import confirmation, subject_of
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.inputs import digest_of
from swaps.models import (
    ApiToken,
    Cluster,
    ModelHost,
    NamedStrategy,
    NodeIncarnation,
    Placement,
    Route,
    ServedModel,
    SwapOperation,
)
from tests.integration.access.people import Person
from tests.integration.admin.clicking import address
from tests.integration.readings.rows import a_node, a_swap

# What somebody does at a door, to the model `iris`, which 1.0 serves.
type Attempt = Callable[[Person, ServedModel], HttpResponse]

CONSOLE, API, ADMIN = "console", "API", "admin"
PHRASE = "a long phrase is easy to keep"

# A state in which each command is possible.
STATES: Mapping[Command, SwapState] = {
    Command.CANCEL: SwapState.NOT_STARTED,
    Command.ROLLBACK: SwapState.TRANSITIONING,
    Command.PAUSE: SwapState.TRANSITIONING,
    Command.RESUME: SwapState.TRANSITIONING,
    Command.PROMOTE: SwapState.TRANSITIONING,
    Command.EXTEND_DRAIN: SwapState.OLD_VERSION_DRAINING,
    Command.FORCE_UNLOAD: SwapState.OLD_VERSION_DRAINING,
    Command.ROLL_FORWARD: SwapState.ROLLING_BACK,
}


def swap_for(command: Command, model: ServedModel) -> SwapOperation:
    state = STATES[command]
    if command is Command.ROLL_FORWARD:  # to what had traffic, and is loaded still
        Placement.objects.filter(model=model, version="1.1").update(
            desired="loaded", observed="ready"
        )
        return a_swap(model, state=state, revision=1, target_hosts=["alpha"])
    return a_swap(model, state=state, paused=command is Command.RESUME)


def _command_by_rest(command: Command) -> Attempt:
    return lambda person, model: person.rest(
        "POST", f"swaps/{swap_for(command, model).pk}/{command}"
    )


def _command_at_the_console(command: Command) -> Attempt:
    def click(person: Person, model: ServedModel) -> HttpResponse:
        swap = swap_for(command, model)
        asked = confirmation(command, subject_of(swap, command))
        given = {"effect": asked.effect_key, "state": swap.state, "typed": asked.words.typed}
        return _post(person, reverse("swap-command", args=[swap.pk, command]), given)

    return click


def _rest(method: str, path: str, body: Mapping[str, object] | None = None) -> Attempt:
    return lambda person, model: person.rest(method, path, body)


def _added(kind: type[Model], typed: Mapping[str, object]) -> Attempt:
    return lambda person, model: _post(person, address(kind, "add"), typed)


def _pressed(button: str, row_of: Callable[[ServedModel], Model]) -> Attempt:
    def press(person: Person, model: ServedModel) -> HttpResponse:
        row = row_of(model)
        given = {"action": button, ACTION_CHECKBOX_NAME: [row.pk]}
        return _post(person, address(type(row)), given)

    return press


def _post(person: Person, where: str, given: Mapping[str, object]) -> HttpResponse:
    response: HttpResponse = person.browser.post(where, given)
    return _behind_sign_in(person, response)


def _get(where: str) -> Attempt:
    return lambda person, model: _behind_sign_in(person, person.browser.get(where))


def _posted(page: str, given: Mapping[str, object]) -> Attempt:
    return lambda person, model: _post(person, reverse(page), given)


def _behind_sign_in(person: Person, response: HttpResponse) -> HttpResponse:
    """The admin sends strangers to sign in, and tells there who is signed in but may not."""
    if response.status_code == 302 and response["Location"].startswith("/admin/login/"):
        return person.browser.get(response["Location"])  # type: ignore[return-value]
    return response


def _without_a_version(then: Attempt) -> Attempt:
    def attempt(person: Person, model: ServedModel) -> HttpResponse:
        Route.objects.update(weights={}, pinned=[])
        return then(person, model)

    return attempt


def _held(model: ServedModel) -> ServedModel:
    ServedModel.objects.update(queue_held_reason="1.0 → 1.1 ended Failed")
    return model


def _waiting(model: ServedModel) -> SwapOperation:
    return a_swap(model, queued=True, needs_approval=True, requested_by="another")


def _approve_by_rest(person: Person, model: ServedModel) -> HttpResponse:
    swap = _waiting(model)
    body = {"inputs_digest": digest_of(swap)}
    return person.rest("POST", f"swaps/{swap.pk}/approve", body)


def _approve_at_the_console(person: Person, model: ServedModel) -> HttpResponse:
    swap = _waiting(model)
    where = reverse("decide", kwargs={"swap_id": swap.pk, "verdict": "approve"})
    return _post(person, where, {"inputs_digest": digest_of(swap)})


def _retire(person: Person, model: ServedModel) -> HttpResponse:
    node: NodeIncarnation = a_node("edge-9", "away")
    return person.rest("POST", f"router/nodes/{node.nonce}/retire")


def _retire_at_the_console(person: Person, model: ServedModel) -> HttpResponse:
    node: NodeIncarnation = a_node("edge-9", "away")
    return _confirmed(person, reverse("retire-node", args=[node.nonce]), {"typed": "edge-9"})


def _confirmed(person: Person, where: str, given: Mapping[str, object]) -> HttpResponse:
    """With the effect that the dialog named, to whoever was shown one."""
    shown = person.browser.get(where).content.decode()
    effect = shown.partition('name="effect" value="')[2].partition('"')[0]
    return _post(person, where, {**given, "effect": effect})


def _at_its_host(what: str) -> Attempt:
    def attempt(person: Person, model: ServedModel) -> HttpResponse:
        host = ModelHost.objects.get()
        given = {"kind": host.kind, "url": host.url, "max_concurrent_loads": 3}
        return _post(person, reverse(what, args=[host.name]), given)

    return attempt


def _remove_the_host(person: Person, model: ServedModel) -> HttpResponse:
    Placement.objects.all().delete()
    Cluster.objects.all().delete()
    return _confirmed(person, reverse("remove-host", args=["alpha"]), {})


def _adopt(person: Person, model: ServedModel) -> HttpResponse:
    """Nothing is loaded for it here, as nobody carries the activation on."""
    where = f"{reverse('adopt', args=['alpha'])}?model=slow&version=1.0"
    return _confirmed(person, where, {})


def _release_by_rest(person: Person, model: ServedModel) -> HttpResponse:
    return person.rest("POST", f"models/{_held(model).name}/queue/release")


def _release_at_the_console(person: Person, model: ServedModel) -> HttpResponse:
    return _asked("release")(person, _held(model))


def _asked(what: str) -> Attempt:
    """At the console: read what it does, and confirm it."""

    def ask(person: Person, model: ServedModel) -> HttpResponse:
        asked = model_ask(what, model, Actor("somebody", None, "console"))
        assert asked is not None, what
        given = {"effect": asked.effect_key, "typed": asked.typed}
        return _post(person, reverse("model-ask", args=[model.name, what]), given)

    return ask


def _activate(person: Person, model: ServedModel) -> HttpResponse:
    return _post(person, reverse("activate", args=[model.name]), {"version": "1.1"})


def _start(old: str) -> Attempt:
    given = {"model": "iris", "from_version": old, "to_version": "1.1", "strategy": "canary"}
    return lambda person, model: _post(person, reverse("start-swap"), given)


def _start_at_the_admin(old: str) -> Attempt:
    return lambda person, model: _post(
        person,
        address(SwapOperation, "add"),
        {"model": model.pk, "from_version": old, "to_version": "1.1"},
    )


_COMMANDS: Mapping[Command, Mapping[str, Attempt]] = {
    command: {
        CONSOLE: _command_at_the_console(command),
        API: _command_by_rest(command),
    }
    for command in Command
}
_SWAP = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
_LIMITS = {
    "on_drain_timeout": "wait",
    "drain_timeout_seconds": 30,
    "load_timeout_seconds": 600,
    "keep_warm_seconds": 0,
}
_HOST = {"name": "beta", "kind": "bundled", "url": "http://127.0.0.1:1"}
_LOADS = {"max_concurrent_loads": 1}

DOORS: Mapping[Permission, Mapping[str, Attempt]] = {
    **_COMMANDS,
    Action.VIEW: {CONSOLE: _get("/"), API: _rest("GET", "models"), ADMIN: _get("/admin/")},
    Action.SWAP: {
        CONSOLE: _start("1.0"),
        API: _rest("POST", "swaps", _SWAP),
        ADMIN: _start_at_the_admin("1.0"),
    },
    Action.ACTIVATE: {
        CONSOLE: _without_a_version(_start("")),
        f"{CONSOLE}: activate": _without_a_version(_activate),
        API: _without_a_version(_rest("POST", "models/iris/versions/1.1/activate")),
        ADMIN: _without_a_version(_start_at_the_admin("")),
    },
    Action.APPROVE: {CONSOLE: _approve_at_the_console, API: _approve_by_rest},
    Command.ROLLBACK: _COMMANDS[Command.ROLLBACK]
    | {ADMIN: _pressed("roll_back", lambda model: swap_for(Command.ROLLBACK, model))},
    Action.RELEASE_QUEUE: {
        CONSOLE: _release_at_the_console,
        API: _release_by_rest,
        ADMIN: _pressed("release", _held),
    },
    Action.RETIRE_NODE: {CONSOLE: _retire_at_the_console, API: _retire},
    Action.PROTECT: {
        CONSOLE: _asked("protect"),
        API: _rest("POST", "models/iris/protect"),
        ADMIN: _pressed("protect", lambda model: model),
    },
    Action.MANAGE_HOSTS: {
        CONSOLE: _posted("new-host", {**_HOST, **_LOADS}),
        f"{CONSOLE}: test": _posted("new-host", {**_HOST, **_LOADS, "test": "1"}),
        f"{CONSOLE}: change": _at_its_host("edit-host"),
        f"{CONSOLE}: check": _at_its_host("check-host"),
        f"{CONSOLE}: remove": _remove_the_host,
        API: _rest("POST", "hosts", _HOST),
        ADMIN: _added(ModelHost, {**_HOST, "max_concurrent_loads": 1}),
    },
    Action.MANAGE_MODELS: {
        CONSOLE: _posted("new-model", {"name": "wine"}),
        f"{CONSOLE}: adopt": _adopt,
        API: _rest("POST", "models", {"name": "wine"}),
        ADMIN: _added(ServedModel, {"name": "wine", **_LIMITS}),
    },
    Action.MANAGE_STRATEGIES: {
        API: _rest("POST", "strategies", {"name": "careful", "steps": [{"setWeight": 5}]}),
        ADMIN: _added(NamedStrategy, {"name": "careful", "steps": '[{"setWeight": 5}]'}),
    },
    Action.MANAGE_TOKENS: {
        API: _rest("POST", "tokens", {"name": "ci", "role": "viewer"}),
        ADMIN: _added(ApiToken, {"name": "ci", "role": "viewer"}),
    },
    Action.MANAGE_USERS: {
        API: _rest("POST", "users", {"username": "ada", "password": PHRASE, "role": "viewer"}),
        ADMIN: _added(User, {"username": "ada", "new_password": PHRASE, "role": "viewer"}),
    },
}
