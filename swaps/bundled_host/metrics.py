"""`/metrics` in Prometheus' text format."""

from collections.abc import Callable

from swaps.bundled_host.versions import Version

# Source: https://prometheus.io/docs/instrumenting/exposition_formats/
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FAMILIES: list[tuple[str, str, str, Callable[[Version], float | None]]] = [
    ("in_flight", "gauge", "Requests now executing.", lambda v: v.in_flight),
    ("requests_total", "counter", "Requests let in.", lambda v: v.witness.requests_total),
    ("errors_total", "counter", "Of these, not answered.", lambda v: v.witness.errors_total),
    ("load_seconds", "gauge", "How long the last load took.", lambda v: v.load_seconds),
]


def exposition(versions: list[Version]) -> str:
    """Names of models and versions have no character that needs escaping."""
    lines = []
    for name, kind, text, value_of in _FAMILIES:
        lines += [f"# HELP hotswap_host_{name} {text}", f"# TYPE hotswap_host_{name} {kind}"]
        for version in versions:
            if (value := value_of(version)) is not None:
                labels = f'model="{version.ref.model}",version="{version.ref.version}"'
                lines.append(f"hotswap_host_{name}{{{labels}}} {value}")
    return "\n".join(lines) + "\n"
