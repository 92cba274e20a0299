"""How long one version's answers stall while another loads: prints JSON.

    python -m tests.benchmarks.bench_host_load_stall

A client asks `iris` 1.0 without a pause, on one connection, while a second version
loads that takes seconds: once because onnxruntime computes a lot at load time, once
because the file is large. The limit is 100 ms.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS, make_demo_models
from tests.integration.bundled_host.heavy_models import write_large, write_slow_to_load
from tests.integration.bundled_host.running import RunningHost, running_host

LIMIT_MS = 100.0


def measure(host: RunningHost, version: str) -> dict[str, float]:
    """Latencies in ms from the load call to `ready`; the load is polled in between."""
    waits: list[float] = []
    host.ask("load", "heavy", version)
    next_look = time.monotonic()
    while True:
        began = time.perf_counter()
        answer = host.infer("iris", "1.0", SAMPLE_REQUESTS["iris"])
        waits.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + 0.1
            status = host.status("heavy", version)
            if status["state"] == "ready":
                break
            assert status["state"] == "loading", status
    waits.sort()
    host.ask("unload", "heavy", version)
    host.wait_for("available", "heavy", version)
    return {
        "load_seconds": round(status["load_seconds"], 2),
        "answers": len(waits),
        "p50_ms": round(waits[len(waits) // 2], 2),
        "p99_ms": round(waits[int(len(waits) * 0.99)], 2),
        "worst_ms": round(waits[-1], 2),
    }


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        make_demo_models(repository)
        write_slow_to_load(repository / "heavy/computing/model.onnx", products=300)
        write_large(repository / "heavy/large/model.onnx")
        with running_host(repository, Path(folder) / "host") as host:
            host.load("iris", "1.0")
            for _ in range(200):
                host.infer("iris", "1.0", SAMPLE_REQUESTS["iris"])
            results = {version: measure(host, version) for version in ("computing", "large")}
    worst = max(result["worst_ms"] for result in results.values())
    within = worst <= LIMIT_MS
    print(json.dumps({"limit_ms": LIMIT_MS, "within_limit": within, **results}))
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
