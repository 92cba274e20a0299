"""Tensors between the protocol's JSON and numpy. Pure.

Source: Open Inference Protocol v2, "Tensor Data",
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaps.bundled_host.errors import HostError

Array = np.ndarray[Any, np.dtype[Any]]

NUMPY_TYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model takes or gives; -1 in `shape` is a dimension of any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class InferRequest:
    inputs: dict[str, Array]
    outputs: tuple[str, ...]
    id: str | None


def _refuse(message: str) -> HostError:
    return HostError(400, "invalid-request", message)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def parse_request(
    body: bytes | bytearray, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> InferRequest:
    """Read an infer body for a model with these inputs and outputs.

    Raises HostError (400) naming the tensor and what it should be.
    """
    try:
        request = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refuse(f"the body is not valid JSON: {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
        raise _refuse('the body must be an object with a list "inputs"')
    request_id = request.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise _refuse('"id" must be a string')

    specs = {spec.name: spec for spec in inputs}
    arrays: dict[str, Array] = {}
    for tensor in request["inputs"]:
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise _refuse('every input must be an object with a "name"')
        name = tensor["name"]
        if name not in specs:
            raise _refuse(f"no input is named {name!r}; this model takes {_names(inputs)}")
        if name in arrays:
            raise _refuse(f"input {name!r} is given twice")
        arrays[name] = _array(tensor, specs[name])
    if missing := specs.keys() - arrays.keys():
        raise _refuse(f"input {sorted(missing)[0]!r} is missing; this model takes {_names(inputs)}")
    return InferRequest(arrays, _requested(request.get("outputs"), outputs), request_id)


def _names(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(repr(spec.name) for spec in specs)


def _requested(wanted: Any, outputs: Sequence[TensorSpec]) -> tuple[str, ...]:
    known = tuple(spec.name for spec in outputs)
    if not wanted:  # the protocol: none named means all
        return known
    if not isinstance(wanted, list) or not all(
        isinstance(tensor, dict) and isinstance(tensor.get("name"), str) for tensor in wanted
    ):
        raise _refuse('"outputs" must be a list of objects with a "name"')
    names = tuple(tensor["name"] for tensor in wanted)
    for name in names:
        if name not in known:
            raise _refuse(f"no output is named {name!r}; this model gives {_names(outputs)}")
    return names


def _array(tensor: Mapping[str, Any], spec: TensorSpec) -> Array:
    name, datatype, shape = spec.name, tensor.get("datatype"), tensor.get("shape")
    if datatype != spec.datatype:
        raise _refuse(f"input {name!r} must have datatype {spec.datatype}, not {datatype!r}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise _refuse(f"input {name!r} needs a shape: a list of non-negative integers")
    if len(shape) != len(spec.shape) or any(
        want not in (-1, got) for want, got in zip(spec.shape, shape, strict=True)
    ):
        raise _refuse(f"input {name!r} must have shape {list(spec.shape)}, not {shape}")
    data = tensor.get("data")
    if not isinstance(data, list):
        raise _refuse(f"input {name!r} needs its elements as a list in 'data'")
    array = _elements(data, spec)
    if array.size != math.prod(shape):
        raise _refuse(
            f"input {name!r} has {array.size} elements; shape {shape} needs {math.prod(shape)}"
        )
    return array.reshape(shape)


def _elements(data: list[Any], spec: TensorSpec) -> Array:
    """Flat or nested lists (the protocol allows both) → elements of the right type."""
    wanted = NUMPY_TYPES[spec.datatype]
    try:
        if spec.datatype[0] in "UI":
            # One by one: numpy on its own would cut 2.5 to 2 and take true for 1.
            array = np.array(data, dtype=np.object_)
            fits = all(type(element) is int for element in array.flat)
        elif spec.datatype == "BYTES":
            array = np.array(data, dtype=np.object_)
            fits = all(isinstance(element, str) for element in array.flat)
        else:
            array = np.array(data) if data else np.array(data, wanted)
            fits = array.dtype.kind in ("b" if spec.datatype == "BOOL" else "iuf")
        if fits:
            with np.errstate(over="ignore"):  # too large becomes infinite, refused below
                array = array.astype(wanted, copy=False)
        if fits and spec.datatype[0] == "F":
            fits = bool(np.isfinite(array).all())
    except (ValueError, OverflowError, TypeError):
        fits = False  # ragged lists, numbers beyond 64 bits, a mixture of types
    if not fits:
        raise _refuse(f"input {spec.name!r} has elements that are not {spec.datatype}")
    return array


def answer(
    model: str,
    version: str,
    request: InferRequest,
    outputs: Mapping[str, tuple[TensorSpec, Array]],
) -> bytes:
    """The infer answer as JSON. Raises HostError (500) when JSON can't carry a number."""
    body: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        body["id"] = request.id
    body["outputs"] = [
        {
            "name": name,
            "datatype": outputs[name][0].datatype,
            "shape": list(outputs[name][1].shape),
            "data": outputs[name][1].ravel().tolist(),
        }
        for name in request.outputs
    ]
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise HostError(
            500,
            "not-a-number",
            f"{model} {version} computed a NaN or an infinity, which JSON can't carry",
        ) from None
