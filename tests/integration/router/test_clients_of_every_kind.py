"""Whoever speaks HTTP and the protocol is answered, and in words where something is not taken."""

import json
import socket

import pytest

from tests.integration.router.parts import EnvoyNode, ask
from tests.integration.router.test_limits_of_the_router import INFER, refused, serving


@pytest.fixture
def port(envoy: EnvoyNode, upstream: int) -> int:
    serving(envoy, upstream)
    return envoy.port


def test_clients_of_the_protocol_are_answered_in_what_they_ask_of_a_server(port: int) -> None:
    """By HTTP/1.0, too."""
    for path, found in (
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/health/ready?probe=1", {"ready": True}),
    ):
        answer = ask(port, "GET", path)
        assert (answer.status, answer.json) == (200, found)
        assert answer.headers["content-type"] == "application/json"
    server = ask(port, "GET", "/v2").json
    assert server["name"] == "hotswap-router"
    assert server["extensions"] == []
    refused(ask(port, "POST", "/v2/health/ready"), 404)
    refused(ask(port, "GET", "/v2/health"), 404)

    with socket.create_connection(("127.0.0.1", port)) as old:
        old.sendall(f"POST {INFER} HTTP/1.0\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        output = b""
        while more := old.recv(65536):
            output += more
    assert b" 200 OK\r\n" in output.partition(b"\r\n\r\n")[0] + b"\r\n", output


def test_what_the_router_does_not_take_is_said(port: int) -> None:
    upgrade = {"upgrade": "websocket", "sec-websocket-key": "x", "sec-websocket-version": "13"}
    with socket.create_connection(("127.0.0.1", port)) as client:
        lines = [f"{name}: {value}" for name, value in upgrade.items()]
        head = [f"GET {INFER} HTTP/1.1", "host: router", "connection: upgrade", *lines, "", ""]
        client.sendall("\r\n".join(head).encode())
        output = b""
        while b"}" not in output:
            more = client.recv(65536)
            assert more, output
            output += more
    assert output.startswith(b"HTTP/1.1 403 ")
    assert "no upgrade to websocket" in json.loads(output.partition(b"\r\n\r\n")[2])["error"]

    many = {f"x-{number}": "1" for number in range(100)}
    refused(ask(port, "POST", INFER, headers=many), 431, "100 fields", "HOTSWAP_ROUTER_HEADERS")
    large = {"x-large": "x" * 61 * 1024}
    refused(ask(port, "POST", INFER, headers=large), 431, "60 KiB", "HOTSWAP_ROUTER_HEADERS_KIB")
    assert ask(port, "POST", INFER).status == 200
