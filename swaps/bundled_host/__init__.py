"""A small inference server for ONNX models: the host that comes with Hotswap.

It exists because no small server has all four things a swap needs: versions
named by strings, load and unload of one version, loads that stall nobody, and
an exact count of the requests in flight. Run it with

    python -m swaps.bundled_host --name alpha --repository DIR

It knows nothing of Django or of the rest of `swaps`; it could live in a
repository of its own. Where to look:

    __main__.py       command line, start and end of the process
    configuration.py  every limit and its default
    application.py    which path is answered by what
    protocol.py       Open Inference Protocol v2: health and metadata
    inference.py      Open Inference Protocol v2: infer
    control.py        the extension `hotswap_version_control`: load, unload, index
    versions.py       the life of each version, and its count of requests
    onnx_model.py     one loaded model (the only file that knows onnxruntime)
    tensors.py        tensors between JSON and numpy (pure)
    repository.py     the folder of model files, safely
    digests.py        checksums of those files, computed aside
    server.py         uvicorn: socket, ready file, graceful end
"""
