"""The console's people and rows; the admin is another door to the same."""

from tests.integration.console.conftest import (
    administrator,
    bundled_host,
    demo_models,
    iris,
    operator,
    real_iris,
    signed_in,
    viewer,
)

__all__ = [
    "administrator",
    "bundled_host",
    "demo_models",
    "iris",
    "operator",
    "real_iris",
    "signed_in",
    "viewer",
]
