"""What administrators edit goes through the engine: its checks, its words, its audit."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from swaps.access.roles import Role
from swaps.access.tokens import actor_for_token
from swaps.models import ApiToken, AuditEntry, ModelHost, NamedStrategy, ServedModel
from tests.given.people import a_person
from tests.integration.admin.clicking import address, errors_of, press, submit
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import a_host, a_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_audit_log_alone_remembers() -> object:
    yield
    assert not LogEntry.objects.exists()


def audited(action: str, outcome: str = "done") -> AuditEntry:
    entry = AuditEntry.objects.filter(action=action, outcome=outcome).latest("id")
    assert entry.source == "admin"
    return entry


def test_a_host_is_registered_and_asked_at_once(
    administrator: Client, bundled_host: RunningHost
) -> None:
    typed = {"name": "alpha", "url": bundled_host.url, "new_control_token": TOKEN}
    response = submit(administrator, address(ModelHost, "add"), **typed)
    assert response.status_code == 302
    host = ModelHost.objects.get()
    assert (host.health, host.control_token) == ("healthy", TOKEN)
    assert audited("manage-hosts").object_name == "alpha"


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"name": "Not A Name"}, "name", "cannot be a host name"),
        ({"url": "ftp://alpha"}, "url", "http://HOST:PORT"),
        ({"max_concurrent_loads": "0"}, "max_concurrent_loads", "between 1 and"),
        ({"idle_timeout_seconds": "0"}, "idle_timeout_seconds", "between 0.1 and 3600 seconds"),
    ],
)
def test_what_the_engine_refuses_stands_beside_the_field(
    administrator: Client, typed: dict[str, str], field: str, words: str
) -> None:
    good = {"name": "alpha", "url": "http://127.0.0.1:1"}
    response = submit(administrator, address(ModelHost, "add"), **(good | typed))
    assert words in errors_of(response)[field]
    assert not ModelHost.objects.exists()
    audited("manage-hosts", "refused")


def test_a_credential_is_written_and_never_shown(administrator: Client, viewer: Client) -> None:
    host = a_host(control_token="the-secret")
    page = address(host, "change")
    for client in (administrator, viewer):
        for where in (page, address(ModelHost)):
            assert "the-secret" not in client.get(where).content.decode()

    limits = {"max_concurrent_loads": "3", "idle_timeout_seconds": "2.5"}
    assert submit(administrator, page, **limits).status_code == 302
    host.refresh_from_db()
    assert (host.control_token, host.max_concurrent_loads) == ("the-secret", 3)
    assert host.idle_timeout_seconds == 2.5
    submit(administrator, page, new_control_token="another")
    host.refresh_from_db()
    assert host.control_token == "another"
    assert "another" not in str(audited("manage-hosts").after)
    submit(administrator, page, forget_control_token="on")
    host.refresh_from_db()
    assert host.control_token == ""


@pytest.mark.parametrize(
    ("kind", "lookup"),
    [
        (ModelHost, "control_token__startswith"),
        (User, "password__startswith"),
        (ApiToken, "digest__startswith"),
        (ApiToken, "user__password__startswith"),
    ],
)
def test_a_list_tells_nothing_of_secrets(
    administrator: Client, kind: type[Model], lookup: str
) -> None:
    assert administrator.get(address(kind), {lookup: "a"}).status_code == 400


def test_what_somebody_else_changed_is_not_overwritten(administrator: Client) -> None:
    host = a_host()
    page = address(host, "change")
    viewed = {
        name: administrator.get(page).context["adminform"].form[name].value()
        for name in ("kind", "url", "if_match")
    }
    ModelHost.objects.update(max_concurrent_loads=7)
    response = administrator.post(page, viewed | {"max_concurrent_loads": "2"})
    assert "was changed since you looked" in errors_of(response)["__all__"]
    host.refresh_from_db()
    assert host.max_concurrent_loads == 7


def test_deleting_one_or_many_says_what_is_in_use(administrator: Client, iris: ServedModel) -> None:
    used, idle = ModelHost.objects.get(), a_host("beta")
    refused = administrator.post(address(used, "delete"), {"post": "yes"}, follow=True)
    assert "is to be loaded there" in refused.content.decode()

    assert "Delete these?" in press(administrator, "delete_each", used, idle)
    assert ModelHost.objects.count() == 2
    page = press(administrator, "delete_each", used, idle, post="yes")
    assert "Deleted: beta." in page
    assert "is to be loaded there" in page
    assert list(ModelHost.objects.all()) == [used]
    # Django's own way is not there.
    press(administrator, "delete_selected", used, post="yes")
    assert ModelHost.objects.exists()


def test_a_model_keeps_its_strategy_by_name_and_errors_stand_beside_it(
    administrator: Client,
) -> None:
    add = address(ServedModel, "add")
    for strategy, words in (("hope", "no strategy 'hope'"), ("{", "This is not JSON")):
        response = submit(administrator, add, name="iris", strategy=strategy)
        assert words in errors_of(response)["strategy"]
    assert submit(administrator, add, name="iris", strategy="canary").status_code == 302
    model = ServedModel.objects.get()
    assert model.default_strategy["name"] == "canary"
    response = submit(
        administrator, address(model, "change"), on_drain_timeout="force", keep_warm_seconds="9"
    )
    assert response.status_code == 302
    model.refresh_from_db()
    assert (model.on_drain_timeout, model.keep_warm_seconds) == ("force", 9)
    assert audited("manage-models").after == {"keep_warm_seconds": 9, "on_drain_timeout": "force"}


def test_a_protection_is_given_up_by_two(administrator: Client) -> None:
    model = a_model()
    assert "Protected: iris." in press(administrator, "protect", model)
    assert "waits for a second administrator" in press(administrator, "unprotect", model)
    other = Client()
    other.force_login(a_person(Role.ADMINISTRATOR, "grace"))
    assert "Model iris is not protected now" in press(other, "unprotect", model)
    model.refresh_from_db()
    assert not model.protected


DEEP = "[" * 10_000


@pytest.mark.parametrize(
    ("kind", "typed", "field"),
    [
        (NamedStrategy, {"name": "careful", "steps": DEEP}, "steps"),
        (ServedModel, {"name": "iris", "strategy": '{"steps": ' + DEEP}, "strategy"),
        (ServedModel, {"name": "iris", "sample_request": DEEP}, "sample_request"),
    ],
)
def test_json_that_is_nested_without_end_is_an_error_beside_its_field(
    administrator: Client, kind: type[Model], typed: dict[str, str], field: str
) -> None:
    response = submit(administrator, address(kind, "add"), **typed)
    assert "nested too deeply" in errors_of(response)[field]
    assert not kind._default_manager.exists()


def test_a_strategy_is_named_changed_and_deleted(administrator: Client) -> None:
    steps = '[{"setWeight": 5}, {"pause": {}}]'
    add = address(NamedStrategy, "add")
    response = submit(administrator, add, name="careful", steps='[{"setWeight": 500}]')
    assert errors_of(response).keys() == {"steps"}
    response = submit(administrator, add, name="careful", steps=steps, sticky_header="x_user")
    assert "requests that have a '_'" in errors_of(response)["sticky_header"]
    assert submit(administrator, add, name="careful", steps=steps).status_code == 302
    named = NamedStrategy.objects.get()
    submit(administrator, address(named, "change"), description="asks a person")
    named.refresh_from_db()
    assert named.description == "asks a person"
    administrator.post(address(named, "delete"), {"post": "yes"})
    assert not NamedStrategy.objects.exists()


def test_a_token_is_shown_once_and_revoked(administrator: Client) -> None:
    a_model()
    response = submit(
        administrator,
        address(ApiToken, "add"),
        name="ci",
        role="operator",
        only_models=[ServedModel.objects.get().pk],
    )
    html = response.content.decode()
    plaintext = html.split('<code class="token">')[1].split("<")[0]
    assert "no-store" in response["Cache-Control"]
    actor = actor_for_token(plaintext)
    assert actor is not None
    assert (actor.role, actor.models) == (Role.OPERATOR, frozenset({"iris"}))
    token = ApiToken.objects.get()
    for where in (address(ApiToken), address(token, "change")):
        shown = administrator.get(where).content.decode()
        assert plaintext not in shown
        assert token.digest not in shown
    assert "Revoked: ci" in press(administrator, "revoke", token)
    assert actor_for_token(plaintext) is None


def test_people_are_let_in_changed_and_put_out(administrator: Client) -> None:
    add = address(User, "add")
    response = submit(administrator, add, username="olga", role="operator", new_password="olga")
    assert "too short" in errors_of(response)["new_password"]
    phrase = "a long phrase is easy to keep"
    assert (
        submit(
            administrator, add, username="olga", role="operator", new_password=phrase
        ).status_code
        == 302
    )
    olga = User.objects.get(username="olga")
    assert olga.check_password(phrase)
    assert (olga.is_superuser, olga.is_staff) == (False, False)

    page = address(olga, "change")
    assert "is_superuser" not in administrator.get(page).content.decode()
    administrator.post(page, {"role": "viewer", "active": "on", "is_superuser": "on"})
    olga.refresh_from_db()
    assert not olga.is_superuser
    assert [group.name for group in olga.groups.all()] == ["viewer"]
    assert olga.check_password(phrase)

    client = Client()
    assert client.login(username="olga", password=phrase)
    assert "Disabled: olga." in press(administrator, "disable", olga)
    assert client.get("/").status_code == 302
    myself = User.objects.get(username="administrator")
    assert "nobody changes their own role" in press(administrator, "disable", myself)
    assert User.objects.get(username="administrator").is_active
