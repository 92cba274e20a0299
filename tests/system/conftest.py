"""Real parts for the system tests."""

from tests.integration.router.conftest import new_envoy, router, sockets, upstream

__all__ = ["new_envoy", "router", "sockets", "upstream"]
