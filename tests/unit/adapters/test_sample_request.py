"""A first request made from a model's metadata."""

from typing import Any

import pytest

from swaps.adapters.errors import ProtocolError
from swaps.adapters.sample_request import sample_request_from


def test_makes_one_element_of_a_batch_for_every_input() -> None:
    metadata = {
        "inputs": [
            {"name": "features", "datatype": "FP32", "shape": [-1, 4]},
            {"name": "ids", "datatype": "INT64", "shape": [2]},
            {"name": "flag", "datatype": "BOOL", "shape": []},
            {"name": "text", "datatype": "BYTES", "shape": [-1]},
        ]
    }
    assert sample_request_from(metadata) == {
        "inputs": [
            {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [0.0] * 4},
            {"name": "ids", "datatype": "INT64", "shape": [2], "data": [0, 0]},
            {"name": "flag", "datatype": "BOOL", "shape": [], "data": [False]},
            {"name": "text", "datatype": "BYTES", "shape": [1], "data": [""]},
        ]
    }


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"inputs": []},
        {"inputs": [{"name": "x"}]},
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": ["many"]}]},
        {"inputs": [{"name": "x", "datatype": "TENSOR", "shape": [1]}]},
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [100_000, 100_000]}]},
    ],
)
def test_asks_for_a_sample_where_it_can_make_none(metadata: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="give a sample request"):
        sample_request_from(metadata)
