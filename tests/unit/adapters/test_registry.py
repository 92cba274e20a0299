"""From a kind and an address to an adapter."""

import pytest

from swaps.adapters.contract import HostAddress, Ref
from swaps.adapters.errors import AdapterError, HostUnreachable, Unsupported
from swaps.adapters.registry import KINDS, adapter_for


def test_every_kind_has_an_adapter() -> None:
    for kind in KINDS:
        assert adapter_for(kind, HostAddress("a", "http://127.0.0.1:1", "t")).kind == kind


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("unheard-of", "http://127.0.0.1:1"),
        ("bundled", "ftp://127.0.0.1"),
        ("bundled", "127.0.0.1:8000"),
        ("bundled", "http://"),
        ("bundled", "http://user:secret@127.0.0.1"),
        ("bundled", "http://127.0.0.1/?x=1"),
    ],
)
def test_refuses_what_it_cannot_speak_to(kind: str, url: str) -> None:
    with pytest.raises(Unsupported):
        adapter_for(kind, HostAddress("a", url))


def test_a_token_is_not_in_any_representation() -> None:
    address = HostAddress("a", "http://127.0.0.1:1", "secret-token")
    assert "secret-token" not in repr(address)
    assert "secret-token" not in repr(adapter_for("bundled", address))


def test_routes_to_an_explicit_version_below_the_hosts_own_path() -> None:
    ref = Ref("iris", "1.0")
    plain = adapter_for("bundled", HostAddress("a", "http://127.0.0.1:8001/")).route(ref)
    assert (plain.host, plain.port, plain.tls) == ("127.0.0.1", 8001, False)
    assert plain.infer_path == "/v2/models/iris/versions/1.0/infer"
    assert plain.health_path == plain.ready_path == "/v2/models/iris/versions/1.0/ready"
    named = HostAddress("a", "https://models.example/east", pinned="10.0.0.7")
    below = adapter_for("bundled", named).route(ref)
    assert (below.host, below.port, below.tls) == ("10.0.0.7", 443, True)
    assert below.server_name == "models.example"
    assert below.metadata_path == "/east/v2/models/iris/versions/1.0"


def test_a_name_that_was_not_resolved_is_not_left_to_the_router() -> None:
    named = adapter_for("bundled", HostAddress("a", "https://models.example"))
    with pytest.raises(HostUnreachable, match="not resolved"):
        named.route(Ref("iris", "1.0"))


def test_every_error_says_whether_asking_again_can_help() -> None:
    kinds = AdapterError.__subclasses__()
    assert {kind.__name__ for kind in kinds if kind.permanent} == {
        "AuthFailed",
        "ArtifactMissing",
        "LoadFailed",
        "Conflict",
        "Unsupported",
        "RequestRefused",
        "ProtocolError",
    }
    assert {kind.__name__ for kind in kinds if not kind.permanent} == {
        "HostUnreachable",
        "OutcomeUnknown",
        "NotReady",
    }
