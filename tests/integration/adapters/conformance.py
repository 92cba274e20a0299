"""What every adapter must do, against a real server. One suite for all kinds.

A new kind of host subclasses `AdapterConformance` in a test file of its own and
gives one fixture, `server`. Nothing here knows which kind it runs against: where
servers differ, the adapter's capabilities say so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from swaps.adapters.contract import (
    Adapter,
    HostAddress,
    Observation,
    Ref,
    VersionStatus,
)
from swaps.adapters.errors import (
    AdapterError,
    ArtifactMissing,
    AuthFailed,
    Conflict,
    HostUnreachable,
    LoadFailed,
    NotReady,
    OutcomeUnknown,
    RequestRefused,
)
from swaps.adapters.registry import adapter_for
from swaps.adapters.sample_request import sample_request_from
from tests.integration.bundled_host.running import wait_until

S = VersionStatus


@dataclass(frozen=True, kw_only=True)
class ServerUnderTest:
    """A real server with three versions of one model on its disk, none loaded."""

    kind: str
    address: HostAddress
    good: Ref
    sibling: Ref  # another good version of the same model
    broken: Ref  # its file can't be loaded
    absent: Ref  # no such file
    sample: dict[str, Any]
    freeze: Callable[[], None]  # it still takes connections, and answers nothing
    thaw: Callable[[], None]
    kill: Callable[[], None]


class AdapterConformance:
    @pytest.fixture
    def adapter(self, server: ServerUnderTest) -> Adapter:
        return adapter_for(server.kind, server.address)

    def reach(self, adapter: Adapter, ref: Ref, status: VersionStatus) -> Observation:
        def seen() -> Observation | None:
            observation = adapter.status(ref)
            return observation if observation.status is status else None

        found: Observation = wait_until(seen, f"{ref} {status}")
        return found

    def load(self, adapter: Adapter, ref: Ref, fence: int = 1) -> Observation:
        accepted = adapter.begin_load(ref, fence=fence, expected_digest=None)
        assert accepted.status in (S.LOADING, S.READY)
        return self.reach(adapter, ref, S.READY)

    def test_probe_says_who_is_there(self, adapter: Adapter) -> None:
        assert adapter.probe().name

    def test_lists_what_could_be_loaded(self, adapter: Adapter, server: ServerUnderTest) -> None:
        listed = dict(adapter.list())
        assert listed[server.good].status is S.AVAILABLE
        assert listed[server.sibling].status is S.AVAILABLE
        assert server.absent not in listed
        assert adapter.status(server.absent).status is S.ABSENT

    def test_loads_one_version_and_it_answers(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        self.load(adapter, server.good)
        result = adapter.smoke(server.good, server.sample)
        assert result.latency_ms > 0
        assert result.answer["outputs"]
        assert adapter.status(server.sibling).status is S.AVAILABLE

    def test_its_kinds_sign_is_on_what_it_has_not_begun_and_on_nothing_else(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        sign = adapter.capabilities.not_begun_header

        def infer(ref: Ref, body: dict[str, Any]) -> httpx.Response:
            path = adapter.route(ref).infer_path
            return httpx.post(server.address.url + path, json=body, trust_env=False)

        unloaded = [infer(ref, server.sample) for ref in (server.good, server.absent)]
        self.load(adapter, server.good)
        loaded = [infer(server.good, body) for body in (server.sample, {"inputs": []})]
        assert [(sign in answer.headers) for answer in unloaded] == [bool(sign)] * 2
        assert [(sign in answer.headers) for answer in loaded] == [False] * 2

    def test_a_sample_made_from_metadata_is_answered(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        with pytest.raises((NotReady, ArtifactMissing)):
            adapter.metadata(server.good)
        self.load(adapter, server.good)
        sample = sample_request_from(adapter.metadata(server.good))
        assert adapter.smoke(server.good, sample).answer["outputs"]

    def test_two_versions_serve_side_by_side(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        self.load(adapter, server.good)
        self.load(adapter, server.sibling)
        for ref in (server.good, server.sibling, server.good):
            adapter.smoke(ref, server.sample)
        routes = {adapter.route(ref).infer_path for ref in (server.good, server.sibling)}
        assert len(routes) == 2

    def test_a_load_of_what_is_loaded_changes_nothing(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        self.load(adapter, server.good)
        again = adapter.begin_load(server.good, fence=1, expected_digest=None)
        assert again.status is S.READY

    def test_an_absent_version_cannot_be_loaded_but_its_unload_succeeds(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        with pytest.raises(ArtifactMissing) as refused:
            adapter.begin_load(server.absent, fence=1, expected_digest=None)
        assert refused.value.permanent
        assert adapter.begin_unload(server.absent, fence=2).status is S.ABSENT
        with pytest.raises((ArtifactMissing, NotReady)):
            adapter.smoke(server.absent, server.sample)

    def test_a_broken_file_fails_with_a_reason_and_leaves_nothing_after_cleanup(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        self.load(adapter, server.good)
        adapter.begin_load(server.broken, fence=1, expected_digest=None)
        assert self.reach(adapter, server.broken, S.FAILED).reason
        with pytest.raises(NotReady):
            adapter.smoke(server.broken, server.sample)
        adapter.smoke(server.good, server.sample)
        adapter.cleanup(server.broken, fence=2)
        cleaned = self.reach(adapter, server.broken, S.AVAILABLE)
        assert not cleaned.reason

    def test_an_unloaded_version_answers_no_more_and_its_sibling_does(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        self.load(adapter, server.good)
        self.load(adapter, server.sibling)
        adapter.begin_unload(server.good, fence=2)
        self.reach(adapter, server.good, S.AVAILABLE)
        assert adapter.begin_unload(server.good, fence=2).status is S.AVAILABLE
        with pytest.raises((NotReady, ArtifactMissing)):
            adapter.smoke(server.good, server.sample)
        adapter.smoke(server.sibling, server.sample)

    def test_a_request_that_does_not_fit_is_not_the_hosts_failure(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        self.load(adapter, server.good)
        with pytest.raises(RequestRefused):
            adapter.smoke(server.good, {"inputs": []})

    def test_an_older_intent_is_refused(self, adapter: Adapter, server: ServerUnderTest) -> None:
        if not adapter.capabilities.fences:
            pytest.skip(f"{adapter.kind} hosts know no fences: the engine's lock has to do")
        self.load(adapter, server.good, fence=5)
        with pytest.raises(Conflict):
            adapter.begin_unload(server.good, fence=4)
        assert adapter.status(server.good).status is S.READY
        adapter.begin_unload(server.good, fence=6)
        with pytest.raises(Conflict):
            adapter.begin_load(server.good, fence=5, expected_digest=None)

    def test_another_file_than_expected_is_not_served(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        if not adapter.capabilities.reports_digest:
            pytest.skip(f"{adapter.kind} hosts tell no digests")
        digest = adapter.status(server.good).digest
        other = adapter.status(server.sibling).digest
        assert digest
        assert other
        try:
            adapter.begin_load(server.good, fence=1, expected_digest=other)
            assert "expected" in self.reach(adapter, server.good, S.FAILED).reason
        except LoadFailed:
            pass  # a server may also refuse at once
        adapter.begin_load(server.good, fence=2, expected_digest=digest)
        assert self.reach(adapter, server.good, S.READY).digest == digest

    def test_a_wrong_token_is_told_apart(self, server: ServerUnderTest) -> None:
        stranger = adapter_for(
            server.kind, HostAddress(server.address.name, server.address.url, "not-the-token")
        )
        for call in (
            stranger.probe,
            stranger.list,
            lambda: stranger.begin_load(server.good, fence=1, expected_digest=None),
            lambda: stranger.begin_unload(server.good, fence=1),
        ):
            with pytest.raises(AuthFailed) as refused:
                call()
            assert "not-the-token" not in str(refused.value)

    def test_silence_means_unreachable_when_asking_and_unknown_when_changing(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        adapter.probe()  # the connection stands: what is lost now may have arrived
        server.freeze()
        try:
            with pytest.raises(HostUnreachable):
                adapter.status(server.good)
            with pytest.raises(OutcomeUnknown) as lost:
                adapter.begin_load(server.good, fence=1, expected_digest=None)
            assert not lost.value.permanent
        finally:
            server.thaw()
        # Unknown means: look. Here it did arrive, and the load went on without us.
        self.reach(adapter, server.good, S.READY)

    def test_a_dead_host_is_unreachable_for_every_call(
        self, adapter: Adapter, server: ServerUnderTest
    ) -> None:
        server.kill()
        calls: list[Callable[[], object]] = [
            adapter.probe,
            adapter.list,
            lambda: adapter.status(server.good),
            lambda: adapter.metadata(server.good),
            lambda: adapter.smoke(server.good, server.sample),
            lambda: adapter.begin_load(server.good, fence=1, expected_digest=None),
            lambda: adapter.begin_unload(server.good, fence=1),
            lambda: adapter.cleanup(server.good, fence=1),
        ]
        for call in calls:
            with pytest.raises(HostUnreachable) as lost:
                call()
            assert isinstance(lost.value, AdapterError)
            assert server.address.name in str(lost.value)
