"""What anybody can send to a console, before it is known who they are."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings

from tests.given.console_process import Console

MEGABYTE = 1_000_000
# A client that never stops sending is answered all the same.
FAR_TOO_MUCH = 64 * MEGABYTE


@pytest.fixture(scope="module")
def console(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    console = Console(tmp_path_factory.mktemp("door") / "daphne.log")
    console.start()
    yield console
    console.close()


def opened(console: Console, *head: str) -> socket.socket:
    there = urlsplit(console.address)
    client = socket.create_connection((there.hostname, there.port), timeout=60)
    lines = ("POST /api/v1/swaps HTTP/1.1", "Host: localhost", *head)
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def answer_of(client: socket.socket) -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers, and the problem; read until the server closes the connection."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), headers, json.loads(body)


def test_a_body_said_to_be_too_large_is_refused_before_it_is_sent(console: Console) -> None:
    with opened(console, f"Content-Length: {700 * MEGABYTE}") as client:
        status, headers, problem = answer_of(client)
    assert status == 413
    assert headers["connection"] == "close"
    assert problem["code"] == "request-too-large"
    assert str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) in str(problem["detail"])


def test_nobody_is_told_to_go_on_with_a_body_that_is_refused(console: Console) -> None:
    with opened(console, f"Content-Length: {700 * MEGABYTE}", "Expect: 100-continue") as client:
        status, _, _ = answer_of(client)
    assert status == 413


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_large(console: Console) -> None:
    before = console.process.memory_info().rss
    piece = b"x" * MEGABYTE
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    with opened(console, "Transfer-Encoding: chunked") as client:
        for _ in range(FAR_TOO_MUCH // MEGABYTE):
            client.sendall(chunk)
        status, _, problem = answer_of(client)
    assert (status, problem["code"]) == (413, "request-too-large")
    assert console.process.memory_info().rss - before < FAR_TOO_MUCH / 4


def test_the_largest_body_that_is_let_in_comes_to_who_answers(console: Console) -> None:
    body = b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    answer = httpx.post(f"{console.address}/api/v1/swaps", content=body, timeout=60)
    assert answer.status_code == 401


def test_bodies_that_are_let_in_are_bounded_together(console: Console) -> None:
    """Many who each send what one may, and never the last byte of it."""
    length = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    waiting = []
    try:
        refused = None
        for _ in range(2 * settings.CONSOLE_BODIES_BYTES // length):
            client = opened(console, f"Content-Length: {length}")
            waiting.append(client)
            client.sendall(b"x" * (length - 1))
            client.settimeout(0.2)
            try:
                refused = answer_of(client)
                break
            except TimeoutError:
                continue
        assert refused is not None
        status, headers, problem = refused
        assert (status, problem["code"]) == (503, "unavailable")
        assert int(headers["retry-after"]) > 0
    finally:
        for client in waiting:
            client.close()
    # What they held is given back as they leave.
    body = b"x" * length
    for _ in range(60):
        answer = httpx.post(f"{console.address}/api/v1/swaps", content=body, timeout=60)
        if answer.status_code == 401:
            break
    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["Daphne-Root-Path", "daphne-root-path"])
def test_a_client_cannot_move_the_console_to_another_path(console: Console, name: str) -> None:
    """A proxy that keeps `/admin/` to itself looks at the path that it was asked for."""
    path = f"{console.address}/anything/healthz"
    assert httpx.get(path, headers={name: "/anything"}).status_code == 404
