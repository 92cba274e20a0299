"""Async views stay async: no middleware may make them wait in a thread."""

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.test import AsyncClient
from django.utils.module_loading import import_string


@pytest.mark.parametrize("name", settings.MIDDLEWARE)
def test_every_middleware_can_be_async(name: str) -> None:
    middleware = import_string(name)
    assert iscoroutinefunction(middleware) or middleware.async_capable


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("closed_connections")
async def test_static_files_are_served_to_async_callers() -> None:
    response = await AsyncClient().get("/static/admin/css/base.css")
    assert response.status_code == 200
    assert b"{" in response.content
    head = await AsyncClient().head("/static/admin/css/base.css")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head["Content-Length"]) > 0
