"""The demo's models: small, real, and made here rather than downloaded.

    python -m hotswap_site.embedded.demo_models DIR

| model | version  | what it is                                                          |
|-------|----------|---------------------------------------------------------------------|
| iris  | 1.0      | nearest class mean: takes some versicolor for virginica             |
| iris  | 1.1      | Fisher's linear discriminant: right where those two meet            |
| iris  | 1.2      | a file cut short, as a copy that was interrupted leaves it          |
| slow  | 1.0, 1.1 | 2–3 s of real work an inference, on the machine that made them;     |
|       |          | 1.1 answers 1 more than 1.0                                         |

The numbers of iris are the class means and the covariance within classes of the
data in R. A. Fisher, "The use of multiple measurements in taxonomic problems",
Annals of Eugenics 7 (1936) 179–188.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

SAMPLE_REQUESTS: dict[str, dict[str, Any]] = {
    "iris": {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [1, 4],
                "data": [5.1, 3.5, 1.4, 0.2],  # the first flower of the data, a setosa
            }
        ]
    },
    "slow": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [0.5]}]},
}

CLASSES = ("setosa", "versicolor", "virginica")
# Sepal length and width, petal length and width, in cm.
CLASS_MEANS = np.array(
    [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326], [6.588, 2.974, 5.552, 2.026]]
)
COVARIANCE_WITHIN = np.array(
    [
        [0.265008, 0.092721, 0.167514, 0.038401],
        [0.092721, 0.115388, 0.055244, 0.032710],
        [0.167514, 0.055244, 0.185188, 0.042665],
        [0.038401, 0.032710, 0.042665, 0.041882],
    ]
)

SLOW_SECONDS = 2.5
_SLOW_SIZE = 160
# Change it with the models: repositories made by an older recipe are made again.
_RECIPE = 1
_RECORD = ".demo-models.json"
# Old enough for every onnxruntime that installs here; newer ones read it too.
_IR_VERSION, _OPSET = 10, 17


def make_demo_models(repository: Path) -> None:
    """Write the models below `repository`, as `{model}/{version}/model.onnx`.

    Files of this recipe that are already there and whole are kept, so the second
    call takes milliseconds, and `slow` keeps the iterations measured the first time
    (recorded in `.demo-models.json`).
    """
    repository.mkdir(parents=True, exist_ok=True)
    record = repository / _RECORD
    if _is_complete(repository, record):
        return
    iterations = _calibrated_iterations()
    nearest_mean = _iris(np.eye(4))
    discriminant = _iris(np.linalg.inv(COVARIANCE_WITHIN))
    files = {
        "iris/1.0": nearest_mean,
        "iris/1.1": discriminant,
        "iris/1.2": discriminant[: len(discriminant) // 2],
        "slow/1.0": _slow(iterations, offset=0.0),
        "slow/1.1": _slow(iterations, offset=1.0),
    }
    for place, content in files.items():
        _write(repository / place / "model.onnx", content)
    _write(
        record,
        json.dumps(
            {
                "recipe": _RECIPE,
                "slow_iterations": iterations,
                "sha256": {
                    place: hashlib.sha256(content).hexdigest() for place, content in files.items()
                },
            },
            indent=2,
        ).encode(),
    )


def _is_complete(repository: Path, record: Path) -> bool:
    try:
        known = json.loads(record.read_bytes())
        return bool(known["recipe"] == _RECIPE) and all(
            hashlib.sha256((repository / place / "model.onnx").read_bytes()).hexdigest() == digest
            for place, digest in known["sha256"].items()
        )
    except (FileNotFoundError, ValueError, KeyError):
        return False  # never made, or a process died while making them: make them again


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and no change for whoever has the old file open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    draft.replace(path)


def _iris(inverse_covariance: Array) -> bytes:
    """Linear scores of three normal classes with one covariance → probabilities, label.

    log p(class | x) = x·S⁻¹m − ½ m·S⁻¹m + constant. With S = 1 that is the nearest mean.
    """
    from onnx import TensorProto, helper, numpy_helper

    weights = inverse_covariance @ CLASS_MEANS.T
    bias = -0.5 * np.einsum("ci,ij,cj->c", CLASS_MEANS, inverse_covariance, CLASS_MEANS)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
            helper.make_node("Gather", ["classes", "best"], ["label"]),
        ],
        "iris",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 4])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3]),
        ],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
            numpy_helper.from_array(np.array(CLASSES, dtype=np.object_), "classes"),
        ],
    )
    return _serialised(graph)


def _slow(iterations: int, *, offset: float) -> bytes:
    """y = mean of a matrix that was multiplied `iterations` times, seeded by x, + offset."""
    from onnx import TensorProto, helper, numpy_helper

    size = _SLOW_SIZE
    random = np.random.default_rng(1936)
    rotation = np.linalg.qr(random.standard_normal((size, size)))[0].astype(np.float32)
    matrix = [size, size]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still_go_on"]),
            helper.make_node("MatMul", ["state", "rotation"], ["turned"]),
            helper.make_node("Tanh", ["turned"], ["next_state"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, matrix),
        ],
        [
            helper.make_tensor_value_info("still_go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT, matrix),
        ],
    )
    graph = helper.make_graph(
        [
            # All rows of a batch seed one matrix: the work doesn't grow with the batch.
            helper.make_node("ReduceMean", ["x"], ["seed"], keepdims=0),
            helper.make_node("Add", ["rotation", "seed"], ["start"]),
            helper.make_node("Loop", ["iterations", "", "start"], ["end"], body=body),
            helper.make_node("ReduceMean", ["end"], ["mean"], keepdims=0),
            helper.make_node("Add", ["mean", "offset"], ["result"]),
            helper.make_node("Mul", ["x", "zero"], ["zeros"]),
            helper.make_node("Add", ["zeros", "result"], ["y"]),
        ],
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        [
            numpy_helper.from_array(rotation, "rotation"),
            numpy_helper.from_array(np.array(iterations, np.int64), "iterations"),
            numpy_helper.from_array(np.array(offset, np.float32), "offset"),
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
        ],
    )
    return _serialised(graph)


def _calibrated_iterations() -> int:
    """How many iterations take SLOW_SECONDS here.

    Measured in processor time of this thread, so a busy machine does not make the
    model too quick for the days when it is idle.
    """
    import onnxruntime as ort

    iterations = 3000
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        _slow(iterations, offset=0.0), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": np.full((1, 1), 0.5, np.float32)}
    seconds = min(_processor_seconds(lambda: session.run(None, feed)) for _ in range(4))
    return max(1, round(iterations * SLOW_SECONDS / seconds))


def _processor_seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _serialised(graph: Any) -> bytes:
    from onnx import checker, helper

    model = helper.make_model(
        graph,
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        producer_name="hotswap",
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m hotswap_site.embedded.demo_models DIR")
    make_demo_models(Path(sys.argv[1]))
