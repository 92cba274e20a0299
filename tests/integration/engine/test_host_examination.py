"""A host is tried step by step: which step failed is named, and what to do about it."""

import re

import pytest

from swaps.access.roles import Actor, NotAllowed, Role
from swaps.commands.errors import InvalidRequest
from swaps.commands.hosts.checks import check_in_steps, try_host
from swaps.commands.hosts.examination import CheckName, CheckResult, HostCheck
from swaps.models import AuditEntry, ModelHost
from tests.integration.adapters.test_lying_hosts import a_host_that, says
from tests.integration.bundled_host.running import TOKEN
from tests.integration.engine.hosts import HostOfTests, a_new_name
from tests.integration.engine.swapping import ADMINISTRATOR

pytestmark = pytest.mark.django_db(transaction=True)

OPEN_AND_EMPTY = says(
    {"extensions": ["hotswap_version_control"], "models": []}, "connection: close"
)
PASSED, FAILED, WARNING = CheckResult.PASSED, CheckResult.FAILED, CheckResult.WARNING


def tried(url: str, token: str = TOKEN, name: str = "") -> list[HostCheck]:
    return try_host(actor=ADMINISTRATOR, name=name, kind="bundled", url=url, control_token=token)


def assert_stops_at(checks: list[HostCheck], name: CheckName, words: str) -> None:
    """All before it passed, none after it was tried, and it says what to do."""
    place = list(CheckName).index(name)
    assert [one.name for one in checks] == list(CheckName)
    assert {one.result for one in checks[:place]} <= {PASSED}
    assert checks[place].result is FAILED
    assert words in checks[place].words
    assert checks[place].remedy
    assert {one.result for one in checks[place + 1 :]} <= {CheckResult.SKIPPED}


@pytest.fixture
def with_a_version(alpha: HostOfTests) -> str:
    """The name of a model that it has a version of."""
    name = a_new_name()
    alpha.put(name, "1.0", like="iris/1.0")
    return name


def test_a_host_that_is_as_it_should_be(alpha: HostOfTests, with_a_version: str) -> None:
    checks = tried(alpha.url)
    assert {one.result for one in checks} == {PASSED}
    found = {one.name: one.words for one in checks}
    # Other tests may have left it many, of which some are named.
    counted = r"\d+ versions? of \d+ models?: .+ \((available|ready)\)"
    assert re.search(counted, found[CheckName.VERSIONS]), found
    assert "tells digests" in found[CheckName.CAPABILITIES]
    assert found[CheckName.KIND].startswith("bundled: it says")


def test_a_name_that_nobody_knows() -> None:
    checks = tried("http://no-such-host.invalid:8001")
    assert_stops_at(checks, CheckName.RESOLVES, "no-such-host.invalid")


def test_an_address_that_no_host_may_have() -> None:
    assert_stops_at(tried("http://169.254.169.254"), CheckName.ALLOWED, "link-local")


def test_nothing_listens() -> None:
    assert_stops_at(tried("http://127.0.0.1:9"), CheckName.REACHABLE, "no connection")


def test_it_takes_the_connection_and_hangs_up() -> None:
    with a_host_that(lambda caller: None) as url:
        assert_stops_at(tried(url), CheckName.ANSWERS, "broke during")


def test_it_is_something_else() -> None:
    with a_host_that(says({"name": "another server"})) as url:
        assert_stops_at(tried(url), CheckName.KIND, "not a bundled host")


def test_the_token_is_wrong_or_missing(alpha: HostOfTests) -> None:
    assert_stops_at(tried(alpha.url, "another"), CheckName.AUTHENTICATED, "refused")
    assert_stops_at(tried(alpha.url, ""), CheckName.AUTHENTICATED, "none is given")


def test_it_works_and_somebody_should_know() -> None:
    """Without versions, and open to whoever reaches it."""
    with a_host_that(OPEN_AND_EMPTY) as url:
        found = {one.name: one.result for one in tried(url, "")}
    assert found[CheckName.AUTHENTICATED] is WARNING
    assert found[CheckName.VERSIONS] is WARNING
    assert FAILED not in found.values()


def test_the_stored_token_stands_in_where_it_always_went_and_nowhere_else(
    alpha: HostOfTests, with_a_version: str
) -> None:
    ModelHost.objects.create(name="one", kind="bundled", url=alpha.url, control_token=TOKEN)
    assert tried(alpha.url, "", "one")[-1].result is PASSED
    with a_host_that(OPEN_AND_EMPTY) as url:
        checks = {check.name: check for check in tried(url, "", "one")}
    assert "without a token" in checks[CheckName.AUTHENTICATED].words


@pytest.mark.parametrize(
    ("field", "given"),
    [("kind", {"kind": "magic"}), ("url", {"url": "ftp://x"}), ("control_token", {"token": "a b"})],
)
def test_what_cannot_be_meant_is_said_by_field(field: str, given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        try_host(
            actor=ADMINISTRATOR,
            name="one",
            kind=given.get("kind", "bundled"),
            url=given.get("url", "http://127.0.0.1:9"),
            control_token=given.get("token", ""),
        )
    assert refused.value.field == field


def test_it_is_audited_without_the_token_and_for_administrators_alone(alpha: HostOfTests) -> None:
    tried(alpha.url, "another", "one")
    entry = AuditEntry.objects.get(object_name="one")
    assert (entry.action, entry.reason, entry.outcome) == ("manage-hosts", "tested", "done")
    assert entry.after["result"] == "failed: authenticated"
    assert "another" not in str(entry.after)
    viewer = Actor("vera", Role.VIEWER, "console")
    with pytest.raises(NotAllowed):
        try_host(actor=viewer, name="one", kind="bundled", url=alpha.url)
    assert AuditEntry.objects.get(actor="vera").outcome == "refused"


def test_a_registered_host_is_checked_and_its_row_says_what_came_of_it(
    alpha: HostOfTests, with_a_version: str
) -> None:
    ModelHost.objects.create(name="one", kind="bundled", url=alpha.url, control_token=TOKEN)
    assert {one.result for one in check_in_steps(actor=ADMINISTRATOR, name="one")} == {PASSED}
    assert ModelHost.objects.get().health == "healthy"
    ModelHost.objects.update(url="http://127.0.0.1:9")
    checks = check_in_steps(actor=ADMINISTRATOR, name="one")
    assert_stops_at(checks, CheckName.REACHABLE, "no connection")
    assert ModelHost.objects.get().health == "unreachable"
