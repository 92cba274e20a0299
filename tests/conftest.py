"""Fixtures that several folders share are in one plugin; a folder's own are in its conftest."""

pytest_plugins = ["tests.plugin"]
