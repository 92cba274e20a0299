"""Hosts that lie, dawdle or flood: each gets a clear error, and holds nobody up.

No real server does these things when asked, so these speak over a bare socket.
"""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from swaps.adapters import transport
from swaps.adapters.contract import HostAddress, Ref
from swaps.adapters.errors import AdapterError, HostUnreachable, ProtocolError
from swaps.adapters.registry import adapter_for
from swaps.domain.texts import LONGEST_SENTENCE
from tests.integration.bundled_host.running import TOKEN

type Behaviour = Callable[[socket.socket], None]


@contextmanager
def a_host_that(behaves: Behaviour) -> Iterator[str]:
    """Its URL. It reads what it was asked, and then does as it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_answer, args=(caller, behaves), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _answer(caller: socket.socket, behaves: Behaviour) -> None:
    with caller:
        try:
            caller.recv(65536)
            behaves(caller)
        except OSError:
            return  # it hung up on us, as it should


def _whole(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def says(body: object, *headers: str) -> Behaviour:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda caller: caller.sendall(_whole(content, *headers))


def trickles_its_headers(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\nx-long: ")
    while True:
        caller.sendall(b"x")
        time.sleep(0.05)


def trickles_its_body(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        caller.sendall(b" ")
        time.sleep(0.05)


def floods_without_end(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        caller.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def hangs_up_half_way(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")


def says_nothing(caller: socket.socket) -> None:
    caller.recv(1)


_BOMB = gzip.compress(b"x" * 50_000_000)
_READY = {"state": "READY", "boot_id": "b1"}


@pytest.mark.parametrize(
    ("behaves", "error", "words"),
    [
        (trickles_its_headers, HostUnreachable, "in full within"),
        (trickles_its_body, HostUnreachable, "in full within"),
        (says_nothing, HostUnreachable, "in full within"),
        (floods_without_end, ProtocolError, "more than"),
        (hangs_up_half_way, HostUnreachable, "broke during"),
        (says(_BOMB, "content-encoding: gzip"), ProtocolError, "encoding 'gzip'"),
        (says(b"[" * 100_000), ProtocolError, "not a JSON object"),
        (says(b'{"state": NaN}'), ProtocolError, "not a JSON object"),
        (says(b"{'state': 1}"), ProtocolError, "not a JSON object"),
        (says(b"\xff\xfe{}"), ProtocolError, "not a JSON object"),
        (says(_READY | {"boot_id": "b" * 65}), ProtocolError, "boot_id that is not"),
        (says(_READY | {"boot_id": "b\x00"}), ProtocolError, "boot_id that is not"),
        (says(_READY | {"digest": "d" * 81}), ProtocolError, "digest that is not"),
        (lambda caller: caller.sendall(b"SSH-2.0\r\n\r\n"), HostUnreachable, "broke during"),
    ],
    ids=[
        *("headers-trickle", "body-trickles", "silence", "flood", "hangs-up", "bomb", "nesting"),
        *("nan", "not-json", "not-utf-8", "long-boot", "nul-boot", "long-digest", "not-http"),
    ],
)
def test_an_answer_that_is_none_is_a_clear_error(
    behaves: Behaviour,
    error: type[AdapterError],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 300_000)
    with a_host_that(behaves) as url:
        host = adapter_for("bundled", HostAddress("alpha", url, TOKEN))
        with pytest.raises(error, match=words) as raised:
            host.status(Ref("iris", "1.0"))
    assert "alpha" in str(raised.value) or "the host says" in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_what_it_says_is_cut_and_cleaned() -> None:
    lie = {"state": "failed", "reason": "no\x00 \x1b[31mroom\n" + "x" * 10_000, "in_flight": -1}
    with a_host_that(says(lie | {"size_bytes": 10**30})) as url:
        seen = adapter_for("bundled", HostAddress("alpha", url, TOKEN)).status(Ref("iris", "1.0"))
    assert seen.reason.startswith("no   [31mroom x")
    assert seen.reason.isprintable()
    assert len(seen.reason) <= LONGEST_SENTENCE
    assert (seen.in_flight, seen.size_bytes) == (None, None)


def test_a_redirect_is_not_followed_and_takes_no_token_along() -> None:
    asked: list[bytes] = []

    def elsewhere(caller: socket.socket) -> None:
        asked.append(b"")
        caller.sendall(_whole(b"{}"))

    def redirects(caller: socket.socket) -> None:
        answer = f"HTTP/1.1 302 Found\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n"
        caller.sendall(answer.encode())

    with (
        a_host_that(elsewhere) as there,
        a_host_that(redirects) as url,
        pytest.raises(ProtocolError, match="redirect"),
    ):
        adapter_for("bundled", HostAddress("alpha", url, TOKEN)).status(Ref("iris", "1.0"))
    assert asked == []


def test_a_token_that_no_header_can_carry_is_never_quoted() -> None:
    with a_host_that(says(_READY)) as url:
        host = adapter_for("bundled", HostAddress("alpha", url, "open\nsesame"))
        with pytest.raises(ProtocolError, match="characters that HTTP does not allow") as raised:
            host.status(Ref("iris", "1.0"))
    error: BaseException | None = raised.value
    assert "sesame" not in str(error)


def test_what_its_errors_quote_is_cut_and_cleaned() -> None:
    def raw(caller: socket.socket) -> None:
        caller.sendall(b"HTTP/1.1 200 OK\r\n" + b"\x1b[31m\x00" * 5000 + b"\r\n\r\n")

    lie = {"error": "no\x00\x1b[31m" + "x" * 10_000}
    body = json.dumps(lie).encode()
    refusal = b"HTTP/1.1 418 I'm\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    for behaves in (raw, lambda caller: caller.sendall(refusal), says({"models": "\x00" * 5000})):
        with a_host_that(behaves) as url:
            host = adapter_for("bundled", HostAddress("alpha", url, TOKEN))
            with pytest.raises(AdapterError) as raised:
                host.list()
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < LONGEST_SENTENCE + 200


def test_names_that_cannot_be_are_not_listed() -> None:
    names = [("iris", "1.0"), ("iris", "1\x00"), ("../iris", "1.0"), ("x" * 5000, "1.0")]
    index = {"models": [{"name": n, "version": v, "state": "READY"} for n, v in names]}
    with a_host_that(says(index)) as url:
        listed = adapter_for("bundled", HostAddress("alpha", url, TOKEN)).list()
    assert [ref for ref, _ in listed] == [Ref("iris", "1.0")]
