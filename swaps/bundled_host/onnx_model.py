"""One loaded model. The only file that knows onnxruntime."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import onnxruntime as ort

from swaps.bundled_host.digests import sha256_of
from swaps.bundled_host.errors import HostError
from swaps.bundled_host.pace import Pace
from swaps.bundled_host.repository import Artifact
from swaps.bundled_host.tensors import Array, InferRequest, TensorSpec

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
# What onnxruntime raises: a dozen classes without a common base below Exception.
_RUNTIME_ERRORS: tuple[type[Exception], ...] = tuple(
    found
    for found in vars(ort.capi.onnxruntime_pybind11_state).values()
    if isinstance(found, type) and issubclass(found, Exception)
)
_InvalidArgument: type[Exception] = ort.capi.onnxruntime_pybind11_state.InvalidArgument


class LoadFailed(Exception):
    """The file can't be served; the message says why."""


@dataclass(frozen=True, slots=True)
class OnnxModel:
    session: Any
    # Threads of its own: a model that takes 3 s an inference holds up no other.
    threads: ThreadPoolExecutor
    digest: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    load_seconds: float
    pace: Pace = field(default_factory=Pace)

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)

    def run(self, request: InferRequest) -> dict[str, tuple[TensorSpec, Array]]:
        """Execute; blocks, for seconds if the model is slow; needs no interpreter lock.

        Raises HostError: 400 when the model finds the input impossible, else 500.
        """
        specs = {spec.name: spec for spec in self.outputs}
        try:
            arrays = self.session.run(list(request.outputs), request.inputs)
        except _InvalidArgument as error:
            raise HostError(
                400, "invalid-request", f"the model refused the input: {error}"
            ) from None
        except _RUNTIME_ERRORS as error:
            raise HostError(500, "inference-failed", f"the inference failed: {error}") from None
        return {
            name: (specs[name], array) for name, array in zip(request.outputs, arrays, strict=True)
        }


def open_model(
    artifact: Artifact, *, expected_digest: str | None, intra_op_threads: int, threads: int
) -> OnnxModel:
    """Load a model file; blocks as long as it takes.

    Raises LoadFailed when the file is not the expected one, not a model, or a model
    whose tensors the protocol can't carry.
    """
    began = time.monotonic()
    try:
        digest = sha256_of(artifact)
        if expected_digest is not None and digest != expected_digest:
            raise LoadFailed(
                f"the file is not the expected one: expected {expected_digest}, found {digest}"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = (
            4  # its errors reach us as exceptions; keep our log lines whole
        )
        # By path, not from bytes: parsing bytes holds the interpreter lock, and every
        # answer of every other version with it (0.4 s for a 640 MB model; by path 2 ms).
        session = ort.InferenceSession(
            str(artifact.path), options, providers=["CPUExecutionProvider"]
        )
        status = artifact.path.stat()
    except OSError as error:
        raise LoadFailed(f"the model file can't be read: {error.strerror}") from None
    except _RUNTIME_ERRORS as error:
        sentence = str(error).replace(str(artifact.path), "model.onnx")
        raise LoadFailed(f"onnxruntime can't load the file: {sentence}") from None
    if (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns) != artifact.identity:
        raise LoadFailed("the file was replaced while it was loaded; load it again")
    inputs = tuple(_spec("input", node) for node in session.get_inputs())
    outputs = tuple(_spec("output", node) for node in session.get_outputs())
    return OnnxModel(
        session=session,
        threads=ThreadPoolExecutor(threads, thread_name_prefix=f"infer {artifact.ref}"),
        digest=digest,
        inputs=inputs,
        outputs=outputs,
        load_seconds=time.monotonic() - began,
    )


def _spec(what: str, node: Any) -> TensorSpec:
    if node.type not in _DATATYPES:
        raise LoadFailed(
            f"{what} {node.name!r} is a {node.type}, which the inference protocol can't carry"
        )
    shape = tuple(n if isinstance(n, int) and n >= 0 else -1 for n in node.shape)
    return TensorSpec(node.name, _DATATYPES[node.type], shape)
