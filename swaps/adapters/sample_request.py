"""A valid infer body made from a model's metadata. Pure.

Source: Open Inference Protocol v2, "Model Metadata" and "Inference",
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import math
from collections.abc import Mapping
from typing import Any

from swaps.adapters.errors import ProtocolError

_INTEGERS = {"UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"}
_FLOATS = {"FP16", "FP32", "FP64", "BF16"}
# A sample is a first question, not a load test.
_MAX_ELEMENTS = 1_000_000


def sample_request_from(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """One element of a batch of zeros (false, "") for every input of the model.

    Dimensions of any size (-1) become 1. Raises ProtocolError when the metadata
    lack something or ask for more than a sample should send: the operator then has
    to give a sample request.
    """
    inputs = metadata.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise ProtocolError("the model's metadata name no inputs: give a sample request")
    return {"inputs": [_zeros(tensor) for tensor in inputs]}


def _zeros(tensor: Any) -> dict[str, Any]:
    try:
        name, datatype = str(tensor["name"]), str(tensor["datatype"])
        shape = [1 if int(n) < 0 else int(n) for n in tensor["shape"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(
            f"the model's metadata describe an input as {tensor!r}: give a sample request"
        ) from error
    count = math.prod(shape)
    if count > _MAX_ELEMENTS:
        raise ProtocolError(
            f"input {name!r} needs {count} elements, too many to make up: give a sample request"
        )
    return {
        "name": name,
        "datatype": datatype,
        "shape": shape,
        "data": [_zero(name, datatype)] * count,
    }


def _zero(name: str, datatype: str) -> int | float | bool | str:
    if datatype in _FLOATS:
        return 0.0
    if datatype in _INTEGERS:
        return 0
    if datatype == "BOOL":
        return False
    if datatype == "BYTES":
        return ""
    raise ProtocolError(
        f"input {name!r} has the unknown datatype {datatype}: give a sample request"
    )
