"""Models that truly take long to load, made for tests and benchmarks."""

from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


def write_slow_to_load(path: Path, *, products: int = 200, size: int = 1024) -> None:
    """A chain of constant matrix products, which onnxruntime computes while it loads.

    200 products of 1024 x 1024 take about 4 s on one core; the file is 4 MiB.
    """
    random = np.random.default_rng(0)
    weights = (random.standard_normal((size, size)) / np.sqrt(size)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", [f"m{i}" if i else "weights", "weights"], [f"m{i + 1}"])
        for i in range(products)
    ]
    nodes.append(helper.make_node("ReduceMean", [f"m{products}"], ["mean"], keepdims=0))
    nodes.append(helper.make_node("Add", ["x", "mean"], ["y"]))
    _write(path, nodes, 4, [numpy_helper.from_array(weights, "weights")])


def write_large(path: Path, *, mebibytes: int = 512) -> None:
    """A chain of 64 MiB matrices: what loading a big model costs in reading and parsing."""
    size, count = 4096, mebibytes // 64
    random = np.random.default_rng(0)
    weights = random.standard_normal((size, size)).astype(np.float32)
    nodes = [
        helper.make_node(
            "MatMul", [f"m{i}" if i else "x", f"w{i}"], [f"m{i + 1}" if i + 1 < count else "y"]
        )
        for i in range(count)
    ]
    initializers = [numpy_helper.from_array(weights + i, f"w{i}") for i in range(count)]
    _write(path, nodes, size, initializers)


def _write(
    path: Path,
    nodes: list[NodeProto],
    width: int,
    initializers: list[TensorProto],
) -> None:
    graph = helper.make_graph(
        nodes,
        "heavy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", width])],
        initializers,
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
