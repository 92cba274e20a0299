"""To callers one version is one thing: hosts on which it is not are refused at the door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from swaps.models import ModelHost, ServedModel, SwapOperation
from tests.integration.api.caller import Caller, problem_of
from tests.integration.bundled_host.running import TOKEN, RunningHost, running_host
from tests.integration.readings.rows import a_host, a_model, placed

pytestmark = pytest.mark.django_db

SWAP = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}


@pytest.fixture(scope="module")
def another_host(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHost]:
    """Under 1.1 it has the file that is 1.0 elsewhere, and under 1.2 the same as elsewhere."""
    repository = tmp_path_factory.mktemp("another-repository")
    for version, like in (("1.0", "1.0"), ("1.1", "1.0"), ("1.2", "1.2")):
        file = repository / "iris" / version / "model.onnx"
        file.parent.mkdir(parents=True)
        file.write_bytes((demo_models / "iris" / like / "model.onnx").read_bytes())
    with running_host(repository, tmp_path_factory.mktemp("another"), name="beta") as host:
        yield host


@pytest.fixture
def iris(bundled_host: RunningHost, another_host: RunningHost, db: None) -> ServedModel:
    """1.0 serves on both."""
    model = a_model("iris", weights={"1.0": 100})
    for name, host in (("alpha", bundled_host), ("beta", another_host)):
        placed(model, "1.0", a_host(name, url=host.url, control_token=TOKEN))
    return model


@pytest.mark.usefixtures("iris")
def test_different_files_under_one_version_are_refused_and_each_host_is_named_with_its_own(
    operator: Caller,
) -> None:
    problem = problem_of(operator.post("swaps", SWAP), 422, "version-not-found")
    assert "iris 1.1 is not one version: its hosts have different files" in problem["detail"]
    for named in ("alpha sha256:", "beta sha256:"):
        assert named in problem["detail"]
    assert not SwapOperation.objects.exists()


@pytest.mark.usefixtures("iris")
def test_on_one_of_them_or_with_the_same_file_on_both_it_is_one_version(operator: Caller) -> None:
    assert operator.post("swaps", SWAP | {"to_version": "1.2"}).status_code == 202
    SwapOperation.objects.all().delete()
    assert operator.post("swaps", SWAP | {"target_hosts": ["alpha"]}).status_code == 202


@pytest.mark.usefixtures("iris")
@pytest.mark.parametrize(
    ("url", "way"),
    [("https://127.0.0.1:8443", "by https"), ("http://127.0.0.1:9/east", "by http below /east")],
)
def test_hosts_that_are_reached_otherwise_than_the_others_are_refused_unasked(
    url: str, way: str, operator: Caller
) -> None:
    """Nobody listens there: it would be found out after the whole load else."""
    placed(ServedModel.objects.get(), "1.0", a_host("gamma", url=url))
    problem = problem_of(operator.post("swaps", SWAP), 422, "invalid-request")
    assert f"gamma: a bundled host {way}" in problem["detail"]
    assert "alpha, beta: a bundled host by http" in problem["detail"]
    assert ModelHost.objects.count() == 3
    assert not SwapOperation.objects.exists()
