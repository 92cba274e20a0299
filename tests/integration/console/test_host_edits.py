"""Adding, changing, testing, removing a host in the console, and adopting what is on it."""

import html
from collections.abc import Iterator

import pytest
from django.test import Client

from swaps.adapters.registry import close_connections
from swaps.models import AuditEntry, ModelHost, Placement, Route, ServedModel, SwapOperation
from tests.given.people import INLINE
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import a_host, a_model, placed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_connection_to_hosts_stays_open() -> Iterator[None]:
    yield
    close_connections()


HTMX = {"HX-Request": "true"}


def text(response: object) -> str:
    return html.unescape(response.content.decode())  # type: ignore[attr-defined]


def a_form(host: RunningHost, **changes: object) -> dict[str, object]:
    return {
        "name": "gpu-7",
        "kind": "bundled",
        "url": host.url,
        "control_token": TOKEN,
        "max_concurrent_loads": 2,
        **changes,
    }


def effect_in(page: str) -> str:
    return page.partition('name="effect" value="')[2].partition('"')[0]


# -- adding --


def test_a_host_is_added_and_its_page_says_what_came_of_it(
    administrator: Client, bundled_host: RunningHost
) -> None:
    response = administrator.post("/hosts/new", a_form(bundled_host), follow=True)
    assert response.redirect_chain == [("/hosts/gpu-7", 302)]
    assert "gpu-7 is registered, and answers." in text(response)
    host = ModelHost.objects.get()
    assert (host.control_token, host.max_concurrent_loads) == (TOKEN, 2)
    assert TOKEN not in text(response)
    assert AuditEntry.objects.get(action="manage-hosts").source == "console"


def test_one_that_is_away_is_added_all_the_same(
    administrator: Client, bundled_host: RunningHost
) -> None:
    form = a_form(bundled_host, url="http://127.0.0.1:9")
    page = text(administrator.post("/hosts/new", form, follow=True))
    assert "does not answer yet" in page
    assert ModelHost.objects.get().health == "unreachable"


def test_all_that_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
    administrator: Client,
) -> None:
    form = {
        "name": "GPU 7",
        "kind": "bundled",
        "url": "ftp://gpu-7",
        "control_token": "top secret",
        "max_concurrent_loads": "many",
    }
    response = administrator.post("/hosts/new", form)
    page = text(response)
    assert response.status_code == 422
    assert not ModelHost.objects.exists()
    for words in (
        "cannot be a host name",
        "'ftp://gpu-7' is not http://HOST:PORT",
        "without spaces",
        "Enter a whole number from 1 to 100",
        'value="GPU 7"',
        'value="ftp://gpu-7"',
        'value="many"',
        "type it once more",
    ):
        assert words in page
    assert page.count('aria-invalid="true"') == 4
    assert "top secret" not in page
    assert INLINE.search(page) is None


def test_a_name_is_given_once_and_new_is_none(
    administrator: Client, bundled_host: RunningHost
) -> None:
    a_host("gpu-7")
    for name, words in (("gpu-7", "already"), ("new", "is reserved")):
        response = administrator.post("/hosts/new", a_form(bundled_host, name=name))
        assert response.status_code == 422
        assert words in text(response)
    assert ModelHost.objects.count() == 1


# -- testing the connection --


def test_a_connection_is_tested_before_anything_is_saved(
    administrator: Client, bundled_host: RunningHost
) -> None:
    form = a_form(bundled_host, name="\x00", max_concurrent_loads="many", test="1")
    page = text(administrator.post("/hosts/new", form, headers=HTMX))
    assert page.count('class="passed"') == 8
    assert "<html" not in page
    assert not ModelHost.objects.exists()
    whole = text(administrator.post("/hosts/new", form | {"name": ""}))
    assert whole.count('class="passed"') == 8
    assert f'value="{bundled_host.url}"' in whole
    assert TOKEN not in page + whole
    entry = AuditEntry.objects.filter(reason="tested").latest("pk")
    assert (entry.source, entry.outcome) == ("console", "done")


def test_a_test_names_the_step_that_failed_with_what_to_do(
    administrator: Client, bundled_host: RunningHost
) -> None:
    form = a_form(bundled_host, control_token="another", test="1")
    page = text(administrator.post("/hosts/new", form, headers=HTMX))
    assert page.count('class="passed"') == 5
    assert page.count('class="failed"') == 1
    assert page.count('class="skipped"') == 2
    assert "Enter the token that the host was started with" in page


def test_a_test_of_what_cannot_be_an_address_is_said_beside_the_field(
    administrator: Client, bundled_host: RunningHost
) -> None:
    form = a_form(bundled_host, url="gpu-7:8001", test="1")
    response = administrator.post("/hosts/new", form, headers=HTMX)
    assert response.status_code == 422
    assert 'id="url-errors" hx-swap-oob="true">\'gpu-7:8001\' is not http' in text(response)


def test_a_registered_host_is_checked_on_its_page(
    administrator: Client, bundled_host: RunningHost
) -> None:
    a_host("alpha", url=bundled_host.url, control_token=TOKEN)
    steps = text(administrator.post("/hosts/alpha/check", headers=HTMX))
    assert steps.count('class="passed"') == 8
    assert "<html" not in steps
    whole = text(administrator.post("/hosts/alpha/check"))
    assert whole.count('class="passed"') == 8
    assert "<h1>alpha</h1>" in whole
    assert administrator.post("/hosts/none/check").status_code == 404
    assert administrator.get("/hosts/alpha/check").status_code == 405


# -- changing and removing --


def test_a_host_is_changed_and_an_empty_token_leaves_the_stored_one(
    administrator: Client, bundled_host: RunningHost
) -> None:
    a_host("alpha", url=bundled_host.url, control_token=TOKEN)
    page = text(administrator.get("/hosts/alpha/edit"))
    assert f'value="{bundled_host.url}"' in page
    assert TOKEN not in page
    etag = page.partition('name="etag" value="')[2].partition('"')[0]
    form = a_form(bundled_host, control_token="", max_concurrent_loads=7, etag=etag)
    administrator.post("/hosts/alpha/edit", form)
    host = ModelHost.objects.get()
    assert (host.control_token, host.max_concurrent_loads) == (TOKEN, 7)
    stale = administrator.post("/hosts/alpha/edit", form | {"max_concurrent_loads": 9})
    assert stale.status_code == 409
    assert "was changed since you looked" in text(stale)
    assert ModelHost.objects.get().max_concurrent_loads == 7
    administrator.post("/hosts/alpha/edit", form | {"etag": "", "forget_token": "on"})
    assert ModelHost.objects.get().control_token == ""


def test_the_idle_time_of_its_connections_is_set_and_one_that_is_too_late_is_pointed_out(
    administrator: Client, bundled_host: RunningHost
) -> None:
    a_host("alpha", url=bundled_host.url, control_token=TOKEN)
    assert "is not measured yet" in text(administrator.get("/hosts/alpha"))
    form = a_form(bundled_host, control_token="")
    refused = administrator.post("/hosts/alpha/edit", form | {"idle_timeout_seconds": "0"})
    assert "Enter seconds from 0.1 to 3600, or nothing." in text(refused)
    administrator.post("/hosts/alpha/edit", form | {"idle_timeout_seconds": "7.5"})
    assert 'value="7.5"' in text(administrator.get("/hosts/alpha/edit"))
    ModelHost.objects.update(measured_keep_alive_seconds=5.0)
    page = text(administrator.get("/hosts/alpha"))
    assert "closed after 7.5 s, as set; the host keeps them for 5 s" in page
    assert "too late: requests are lost" in page
    administrator.post("/hosts/alpha/edit", form | {"idle_timeout_seconds": ""})
    page = text(administrator.get("/hosts/alpha"))
    assert "closed after 2.5 s; the host keeps them for 5 s" in page
    assert "too late" not in page
    ModelHost.objects.update(measured_keep_alive_seconds=65.0)
    assert "keeps them for more than 65 s" in text(administrator.get("/hosts/alpha"))


def test_what_is_in_use_is_not_re_addressed_and_the_reason_is_said(
    administrator: Client, bundled_host: RunningHost
) -> None:
    placed(a_model("iris"), "1.0", a_host("alpha"))
    response = administrator.post("/hosts/alpha/edit", a_form(bundled_host))
    assert response.status_code == 409
    assert "iris 1.0 is to be loaded there" in text(response)


def test_a_host_is_removed_once_its_effect_was_read(administrator: Client) -> None:
    a_host("alpha")
    dialog = text(administrator.get("/hosts/alpha/remove", headers=HTMX))
    assert "What is loaded on that machine stays loaded there" in dialog
    unread = administrator.post("/hosts/alpha/remove", {"effect": "another"})
    assert unread.status_code == 409
    assert ModelHost.objects.exists()
    done = administrator.post("/hosts/alpha/remove", {"effect": effect_in(dialog)}, headers=HTMX)
    assert done["HX-Redirect"] == "/hosts"
    assert not ModelHost.objects.exists()
    assert "alpha is removed." in text(administrator.get("/hosts"))
    assert administrator.get("/hosts/alpha/remove").status_code == 404


def test_a_host_in_use_is_not_removed_and_the_reason_is_said(administrator: Client) -> None:
    placed(a_model("iris"), "1.0", a_host("alpha"))
    response = administrator.get("/hosts/alpha/remove")
    assert response.status_code == 409
    assert "iris 1.0 is to be loaded there" in text(response)
    assert "Remove the host" not in text(response)
    effect = effect_in(text(response))
    assert administrator.post("/hosts/alpha/remove", {"effect": effect}).status_code == 409
    assert ModelHost.objects.exists()


# -- adopting --


ADOPT = "/hosts/alpha/adopt?model=slow&version=1.0"
OF_WINE = "/hosts/alpha/adopt?model=wine&version=1.0"


@pytest.fixture
def alpha_with_slow(bundled_host: RunningHost, administrator: Client) -> Iterator[ModelHost]:
    """Its slow 1.0 serves whoever asks the host, and nobody registered it here."""
    bundled_host.load("slow", "1.0")
    form = a_form(bundled_host, name="alpha")
    administrator.post("/hosts/new", form)
    yield ModelHost.objects.get()
    bundled_host.ask("unload", "slow", "1.0")


def test_a_model_found_on_a_host_is_adopted_with_the_version_that_serves(
    administrator: Client, alpha_with_slow: ModelHost
) -> None:
    assert "alpha serves slow 1.0, which nobody registered" in text(administrator.get("/hosts"))
    page = text(administrator.get("/hosts/alpha"))
    assert 'hx-get="/hosts/alpha/adopt?model=slow&version=1.0"' in page
    dialog = text(administrator.get(ADOPT, headers=HTMX))
    assert "slow is registered as a model" in dialog
    done = administrator.post(ADOPT, {"effect": effect_in(dialog)}, headers=HTMX)
    swap = SwapOperation.objects.get()
    assert done["HX-Redirect"] == f"/swaps/{swap.pk}"
    assert (swap.from_version, swap.to_version, swap.target_hosts) == (None, "1.0", ["alpha"])
    assert ServedModel.objects.get().name == "slow"
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))[-2:]
    assert actions == ["manage-models", "activate"]
    assert "which nobody registered" not in text(administrator.get("/hosts"))


def test_what_the_host_does_not_have_registers_nothing(
    administrator: Client, alpha_with_slow: ModelHost
) -> None:
    address = "/hosts/alpha/adopt?model=slow&version=9.9"
    effect = effect_in(text(administrator.get(address)))
    response = administrator.post(address, {"effect": effect})
    assert response.status_code == 409
    assert "slow 9.9 is not on alpha" in text(response)
    assert not ServedModel.objects.exists()


def test_a_registered_model_that_nothing_serves_is_adopted_by_an_operator(
    operator: Client, viewer: Client
) -> None:
    placed(a_model("wine"), "1.0", a_host("alpha"))
    Placement.objects.update(desired="absent")
    assert "Adopt wine 1.0" in text(operator.get("/hosts/alpha"))
    assert "Adopt wine 1.0" not in text(viewer.get("/hosts/alpha"))
    assert operator.get(OF_WINE).status_code == 200
    assert viewer.get(OF_WINE).status_code == 403
    Route.objects.update(weights={"0.9": 100})
    assert "0.9 serves wine already" in text(operator.get(OF_WINE))
    assert "Adopt wine 1.0" not in text(operator.get("/hosts/alpha"))


@pytest.mark.parametrize("query", ["", "?model=wine", "?model=WINE&version=1", "?model=%00"])
def test_what_names_no_version_is_not_found(administrator: Client, query: str) -> None:
    a_host("alpha")
    assert administrator.get(f"/hosts/alpha/adopt{query}").status_code == 404


# -- who may --


@pytest.mark.parametrize("path", ["/hosts/new", "/hosts/alpha/edit", "/hosts/alpha/remove"])
def test_those_who_may_not_see_no_button_and_are_refused_in_words(
    operator: Client, path: str
) -> None:
    a_host("alpha")
    for page in ("/hosts", "/hosts/alpha"):
        shown = text(operator.get(page))
        for words in ("Add a host", "Test connection", "Change…", "Remove…"):
            assert words not in shown
    response = operator.get(path)
    assert response.status_code == 403
    assert "administrator" in text(response)


def test_posting_by_hand_is_refused_and_audited(
    operator: Client, bundled_host: RunningHost
) -> None:
    a_host("alpha", url=bundled_host.url)
    form = a_form(bundled_host)
    for path, given in (
        ("/hosts/new", form),
        ("/hosts/new", form | {"test": "1"}),
        ("/hosts/alpha/edit", form),
        ("/hosts/alpha/check", {}),
        ("/hosts/alpha/remove", {}),
    ):
        assert operator.post(path, given).status_code == 403, path
    refused = AuditEntry.objects.filter(action="manage-hosts", outcome="refused")
    assert refused.filter(source="console").count() == 5
    assert ModelHost.objects.get().max_concurrent_loads == 1
