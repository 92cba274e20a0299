"""What an infer body may hold, and what the answer says."""

import json
from typing import Any

import numpy as np
import pytest

from swaps.bundled_host.errors import HostError
from swaps.bundled_host.tensors import InferRequest, TensorSpec, answer, parse_request

FEATURES = TensorSpec("features", "FP32", (-1, 4))
OUTPUTS = (TensorSpec("label", "BYTES", (-1,)), TensorSpec("scores", "FP32", (-1, 3)))


def parse(body: Any, *inputs: TensorSpec) -> InferRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_request(raw, inputs or (FEATURES,), OUTPUTS)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]} | changes


def test_reads_a_flat_and_a_nested_tensor_alike() -> None:
    flat = parse({"inputs": [tensor(shape=[2, 4], data=[1, 2, 3, 4, 5, 6, 7, 8])]})
    nested = parse({"inputs": [tensor(shape=[2, 4], data=[[1, 2, 3, 4], [5, 6, 7, 8]])]})
    assert flat.inputs["features"].dtype == np.float32
    np.testing.assert_array_equal(flat.inputs["features"], nested.inputs["features"])


def test_none_named_means_all_outputs_and_names_select() -> None:
    assert parse({"inputs": [tensor()]}).outputs == ("label", "scores")
    assert parse({"inputs": [tensor()], "outputs": [{"name": "scores"}]}).outputs == ("scores",)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\xff", "not valid JSON"),
        pytest.param(b"[" * 200_000, "not valid JSON", id="deeply nested"),
        (b'{"inputs": [{"data": NaN}]}', "NaN"),
        ([], '"inputs"'),
        ({"inputs": {}}, '"inputs"'),
        ({"inputs": ["x"]}, '"name"'),
        ({"inputs": []}, "'features' is missing"),
        ({"inputs": [tensor(), tensor()]}, "given twice"),
        ({"inputs": [tensor(name="petals")]}, "no input is named 'petals'"),
        ({"inputs": [tensor(datatype="FP64")]}, "must have datatype FP32"),
        ({"inputs": [tensor(shape=[4])]}, "must have shape [-1, 4]"),
        ({"inputs": [tensor(shape=[1, 5])]}, "must have shape [-1, 4]"),
        ({"inputs": [tensor(shape=[-1, 4])]}, "non-negative integers"),
        ({"inputs": [tensor(shape=[True, 4])]}, "non-negative integers"),
        ({"inputs": [tensor(shape="1,4")]}, "non-negative integers"),
        ({"inputs": [tensor(shape=[2, 4])]}, "has 4 elements"),
        ({"inputs": [tensor(data="1234")]}, "as a list"),
        ({"inputs": [tensor(data=[1, 2, 3, "4"])]}, "not FP32"),
        ({"inputs": [tensor(data=[1, 2, 3, None])]}, "not FP32"),
        ({"inputs": [tensor(data=[[1, 2], [3]])]}, "not FP32"),
        ({"inputs": [tensor(data=[1, 2, 3, 1e300])]}, "not FP32"),
        ({"inputs": [tensor(data=[True, False, True, True])]}, "not FP32"),
        ({"inputs": [tensor()], "id": 7}, '"id" must be a string'),
        ({"inputs": [tensor()], "outputs": [{"name": "x"}]}, "no output is named 'x'"),
        ({"inputs": [tensor()], "outputs": "all"}, '"outputs" must be'),
    ],
)
def test_refuses_a_body_that_does_not_fit_and_says_why(body: Any, says: str) -> None:
    with pytest.raises(HostError) as refused:
        parse(body)
    assert refused.value.status == 400
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("datatype", "data", "fits"),
    [
        ("INT64", [1, -2], True),
        ("INT64", [1, 2.5], False),
        ("INT64", [1, 2**70], False),
        ("UINT64", [0, 2**64 - 1], True),
        ("UINT8", [0, 255], True),
        ("UINT8", [0, 256], False),
        ("UINT8", [0, -1], False),
        ("BOOL", [True, False], True),
        ("BOOL", [1, 0], False),
        ("BYTES", ["a", "ü"], True),
        ("BYTES", ["a", 1], False),
        ("FP16", [0.5, 1], True),
        ("FP64", [1e300, 1], True),
    ],
)
def test_elements_must_be_of_the_type(datatype: str, data: list[Any], fits: bool) -> None:
    spec = TensorSpec("x", datatype, (2,))
    body = {"inputs": [{"name": "x", "datatype": datatype, "shape": [2], "data": data}]}
    if fits:
        assert parse(body, spec).inputs["x"].tolist() == data
    else:
        with pytest.raises(HostError, match=f"not {datatype}"):
            parse(body, spec)


def test_an_empty_batch_is_a_batch() -> None:
    assert parse({"inputs": [tensor(shape=[0, 4], data=[])]}).inputs["features"].shape == (0, 4)


def test_the_answer_names_model_version_and_request() -> None:
    body = json.loads(
        answer(
            "iris",
            "1.0",
            InferRequest({}, ("label", "scores"), "seven"),
            {
                "label": (OUTPUTS[0], np.array(["setosa"], dtype=object)),
                "scores": (OUTPUTS[1], np.array([[0.5, 0.25, 0.25]], np.float32)),
            },
        )
    )
    assert body == {
        "model_name": "iris",
        "model_version": "1.0",
        "id": "seven",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["setosa"]},
            {"name": "scores", "datatype": "FP32", "shape": [1, 3], "data": [0.5, 0.25, 0.25]},
        ],
    }


def test_a_number_that_json_cannot_carry_is_an_error_not_broken_json() -> None:
    outputs = {"scores": (OUTPUTS[1], np.array([np.nan], np.float32))}
    with pytest.raises(HostError) as failed:
        answer("iris", "1.0", InferRequest({}, ("scores",), None), outputs)
    assert failed.value.status == 500
