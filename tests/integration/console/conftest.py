"""People of each role at the console, and the rows that its pages show."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from swaps.access.roles import Role
from swaps.adapters.registry import close_connections
from swaps.models import ModelHost, ServedModel
from tests.integration.bundled_host.conftest import demo_models as demo_models
from tests.integration.bundled_host.running import TOKEN, RunningHost, running_host
from tests.integration.readings.rows import a_cluster, a_host, a_model, a_node, acked, placed

PASSWORD = "correct horse battery staple"
INLINE = re.compile(r"<style|\sstyle\s*=|<script(?![^>]*\ssrc=)|\son[a-z]+\s*=|javascript:", re.I)


def a_person(role: Role | None, name: str = "") -> User:
    person = User.objects.create_user(name or str(role), password=PASSWORD)
    if role is not None:
        person.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return person


@pytest.fixture
def signed_in(db: None) -> Callable[[Role | None], Client]:
    def sign_in(role: Role | None) -> Client:
        client = Client()
        client.force_login(a_person(role))
        return client

    return sign_in


@pytest.fixture
def viewer(signed_in: Callable[[Role | None], Client]) -> Client:
    return signed_in(Role.VIEWER)


@pytest.fixture
def operator(signed_in: Callable[[Role | None], Client]) -> Client:
    return signed_in(Role.OPERATOR)


@pytest.fixture
def administrator(signed_in: Callable[[Role | None], Client]) -> Client:
    return signed_in(Role.ADMINISTRATOR)


@pytest.fixture
def iris(db: None) -> ServedModel:
    """1.0 serves on alpha, 1.1 is there too; one router node."""
    model = a_model(weights={"1.0": 100})
    alpha = a_host()
    placed(model, "1.0", alpha)
    placed(model, "1.1", alpha, "available")
    a_cluster(model, "1.0")
    acked(a_node(), model, 1)
    return model


@pytest.fixture(scope="session")
def bundled_host(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHost]:
    """Asked only whether it has a version: nothing here loads one."""
    with running_host(demo_models, tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture
def real_iris(iris: ServedModel, bundled_host: RunningHost) -> Iterator[ServedModel]:
    """`iris` on a real host, which has files of 1.0, 1.1 and 1.2."""
    ModelHost.objects.update(url=bundled_host.url)
    host = ModelHost.objects.get()
    host.control_token = TOKEN
    host.save()
    yield iris
    close_connections()
