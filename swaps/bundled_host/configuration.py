"""Every limit of the host, with its default."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    name: str
    repository: Path
    control_token: str = field(repr=False)
    address: str = "127.0.0.1"
    port: int = 0
    ready_file: Path | None = None
    # onnxruntime's own threads for one inference. One keeps latency even when
    # several requests run at once; raise it for large models on many cores.
    intra_op_threads: int = 1
    # Requests of one version that execute side by side. Each version has threads of
    # its own, so a version that takes 3 s an inference holds up no other.
    threads_per_version: int = 4
    # Requests accepted and not yet answered, all versions together; beyond it: 429.
    max_in_flight: int = 1024
    # What the router lets in by default: there HOTSWAP_ROUTER_BODY_MIB says it.
    max_body_bytes: int = 16 * 1024 * 1024
    # A request half sent keeps its version in flight: an unload would wait for ever
    # on a client that stopped sending.
    body_timeout_seconds: float = 60.0
    # Loads beyond this wait their turn in state `loading`.
    concurrent_loads: int = 2
    # Routers must drop idle connections first (the demo's after half of this), or a
    # request can meet a connection we are just closing.
    keep_alive_seconds: int = 75
    # At SIGTERM: how long requests in flight may take to end.
    grace_seconds: int = 30
