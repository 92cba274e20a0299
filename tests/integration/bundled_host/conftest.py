"""One host for a file's tests; a repository of their own for those that change files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap_site.embedded.demo_models import make_demo_models
from tests.integration.bundled_host.running import RunningHost, running_host


@pytest.fixture(scope="session")
def demo_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's models; not to be changed."""
    repository = tmp_path_factory.mktemp("demo-models")
    make_demo_models(repository)
    return repository


@pytest.fixture
def repository(demo_models: Path, tmp_path: Path) -> Path:
    """A copy a test may change."""
    return Path(shutil.copytree(demo_models, tmp_path / "repository"))


@pytest.fixture
def host(repository: Path, tmp_path: Path) -> Iterator[RunningHost]:
    with running_host(repository, tmp_path / "host") as host:
        yield host
