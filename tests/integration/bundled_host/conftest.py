"""One host for a file's tests; a repository of their own for those that change files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bundled_host.running import RunningHost, running_host


@pytest.fixture
def repository(demo_models: Path, tmp_path: Path) -> Path:
    """A copy a test may change."""
    return Path(shutil.copytree(demo_models, tmp_path / "repository"))


@pytest.fixture
def host(repository: Path, tmp_path: Path) -> Iterator[RunningHost]:
    with running_host(repository, tmp_path / "host") as host:
        yield host
