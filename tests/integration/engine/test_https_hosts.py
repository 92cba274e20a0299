"""Hosts behind TLS: our calls and Envoy's requests check the same certificate by the same name."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.commands.registration import register_host, register_model
from swaps.models import ModelHost
from tests.integration.bundled_host.running import TOKEN
from tests.integration.engine.hosts import HostOfTests, a_new_name
from tests.integration.engine.swapping import ADMINISTRATOR, activate
from tests.integration.engine.tls_in_front import make_certificates, tls_in_front_of
from tests.integration.router.parts import EnvoyNode, request

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def authority(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Makes a server's certificate of an authority that this process and the router's trust.

    Before the router process starts, since it reads its settings then.
    """
    ca = tmp_path / "ca.pem"
    monkeypatch.setenv("HOTSWAP_HOST_CA_FILE", str(ca))
    settings.HOST_CA_FILE = str(ca)
    return lambda *names: make_certificates(tmp_path, *names)[1]


def registered(alpha: HostOfTests, url: str) -> ModelHost:
    return register_host(
        actor=ADMINISTRATOR, name=alpha.name, kind="bundled", url=url, control_token=TOKEN
    )


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_an_https_host_serves_through_envoy(
    authority: Callable[..., Path],
    envoy: EnvoyNode,
    alpha: HostOfTests,
    name: str,
) -> None:
    port = int(alpha.url.rsplit(":", 1)[1])
    with tls_in_front_of(port, authority(name)) as tls:
        host = registered(alpha, f"https://{name}:{tls}")
        assert host.health == "healthy", host.health_reason
        iris = a_new_name("iris")
        alpha.put(iris, "1.0", like="iris/1.0")
        sample = SAMPLE_REQUESTS["iris"]
        register_model(actor=ADMINISTRATOR, name=iris, sample_request=sample)
        activate(iris, "1.0", alpha)
        headers = {"content-type": "application/json", "host": "clients.example"}
        body = json.dumps(sample).encode()
        answer = asyncio.run(request(envoy.port, "POST", f"/v2/models/{iris}/infer", body, headers))
        assert (answer.status, answer.headers["x-model-version"]) == (200, "1.0")


def test_a_certificate_for_another_name_is_not_accepted(
    authority: Callable[..., Path], alpha: HostOfTests
) -> None:
    port = int(alpha.url.rsplit(":", 1)[1])
    with tls_in_front_of(port, authority("elsewhere.example")) as tls:
        host = registered(alpha, f"https://localhost:{tls}")
    assert host.health == "unreachable"
    assert "certificate verify failed" in host.health_reason


def test_a_certificate_of_an_authority_that_nobody_vouches_for_is_not_accepted(
    authority: Callable[..., Path], alpha: HostOfTests, tmp_path: Path
) -> None:
    authority("localhost")  # the one that is trusted
    other = tmp_path / "other"
    other.mkdir()
    _, server = make_certificates(other, "localhost")
    port = int(alpha.url.rsplit(":", 1)[1])
    with tls_in_front_of(port, server) as tls:
        host = registered(alpha, f"https://localhost:{tls}")
    assert host.health == "unreachable"
    assert "certificate verify failed" in host.health_reason
