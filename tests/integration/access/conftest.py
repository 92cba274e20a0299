"""A real host with the demo's files, for what asks hosts."""

from tests.integration.console.conftest import bundled_host, demo_models, iris, real_iris

__all__ = ["bundled_host", "demo_models", "iris", "real_iris"]
