"""Which files the host will open."""

import os
from pathlib import Path

import pytest

from swaps.bundled_host.repository import RESERVED_MODEL_NAMES, Ref, Repository, name_problem


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    return root


def put(root: Path, place: str) -> Path:
    path = root / place / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(place.encode())
    return path


def test_finds_every_version_on_disk(root: Path) -> None:
    for place in ("iris/1.0", "iris/v2024-11-03", "slow/1"):
        put(root, place)
    (root / "iris" / "empty").mkdir()
    found = [str(artifact.ref) for artifact in Repository(root).scan()]
    assert found == ["iris 1.0", "iris v2024-11-03", "slow 1"]


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "A", "a..b", "a--b", "-a", "a" * 64, "ä"])
def test_opens_nothing_under_a_strange_name(root: Path, name: str) -> None:
    put(root.parent, "elsewhere/1.0")
    assert name_problem(Ref(name, "1.0"))
    assert Repository(root).find(Ref(name, "1.0")) is None
    assert Repository(root).find(Ref("iris", name)) is None


@pytest.mark.parametrize("name", sorted(RESERVED_MODEL_NAMES))
def test_names_that_would_shadow_the_protocols_own_paths_are_reserved(
    root: Path, name: str
) -> None:
    put(root, f"{name}/1.0")
    assert "reserved" in (name_problem(Ref(name, "1.0")) or "")
    assert Repository(root).scan() == []


def test_follows_links_within_the_repository_only(root: Path) -> None:
    outside = put(root.parent, "secret")
    inside = put(root, "iris/1.0")
    for version, target in (("1.1", inside), ("1.2", outside)):
        (root / "iris" / version).mkdir()
        (root / "iris" / version / "model.onnx").symlink_to(target)
    (root / "escaped").symlink_to(outside.parent.parent)
    assert [str(a.ref) for a in Repository(root).scan()] == ["iris 1.0", "iris 1.1"]
    assert Repository(root).find(Ref("escaped", "secret")) is None


def test_a_pipe_or_a_folder_is_not_a_model(root: Path) -> None:
    (root / "iris" / "1.0" / "model.onnx").mkdir(parents=True)
    (root / "iris" / "1.1").mkdir()
    os.mkfifo(root / "iris" / "1.1" / "model.onnx")
    assert Repository(root).scan() == []


def test_a_replaced_file_has_another_identity(root: Path) -> None:
    path = put(root, "iris/1.0")
    repository = Repository(root)
    before = repository.find(Ref("iris", "1.0"))
    path.with_suffix(".new").write_bytes(b"another")
    path.with_suffix(".new").replace(path)
    after = repository.find(Ref("iris", "1.0"))
    assert before is not None
    assert after is not None
    assert before.identity != after.identity
