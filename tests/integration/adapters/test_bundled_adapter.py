"""The adapter of the bundled host, against the real host."""

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.adapters.contract import HostAddress, Ref, VersionStatus
from swaps.adapters.errors import AdapterError, HostUnreachable, ProtocolError, Unsupported
from swaps.adapters.registry import adapter_for
from tests.integration.adapters.conformance import AdapterConformance, ServerUnderTest
from tests.integration.bundled_host.running import TOKEN, RunningHost, running_host


@pytest.fixture
def host(demo_models: Path, tmp_path: Path) -> Iterator[RunningHost]:
    with running_host(demo_models, tmp_path / "host") as host:
        yield host


class TestBundledHost(AdapterConformance):
    @pytest.fixture
    def server(self, host: RunningHost) -> ServerUnderTest:
        def kill() -> None:
            host.process.kill()
            host.process.wait()

        return ServerUnderTest(
            kind="bundled",
            address=HostAddress("alpha", host.url, TOKEN),
            good=Ref("iris", "1.0"),
            sibling=Ref("iris", "1.1"),
            broken=Ref("iris", "1.2"),
            absent=Ref("iris", "9.9"),
            sample=SAMPLE_REQUESTS["iris"],
            freeze=lambda: host.process.send_signal(signal.SIGSTOP),
            thaw=lambda: host.process.send_signal(signal.SIGCONT),
            kill=kill,
        )


def test_tells_boot_digest_and_requests_in_flight(host: RunningHost) -> None:
    adapter = adapter_for("bundled", HostAddress("alpha", host.url, TOKEN))
    assert adapter.probe().boot_id == host.boot_id
    seen = adapter.status(Ref("slow", "1.0"))
    assert seen.status is VersionStatus.AVAILABLE
    assert (seen.boot_id, seen.in_flight) == (host.boot_id, 0)
    assert (seen.digest or "").startswith("sha256:")
    assert (seen.size_bytes or 0) > 0


def test_threads_share_the_connections_of_a_host(host: RunningHost) -> None:
    adapter = adapter_for("bundled", HostAddress("alpha", host.url, TOKEN))
    failures: list[AdapterError] = []

    def ask() -> None:
        for _ in range(20):
            try:
                adapter.status(Ref("iris", "1.0"))
            except AdapterError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


class _Stranger(BaseHTTPRequestHandler):
    """Some other server: `answer` is the status, headers and body it gives to all."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def do_GET(self) -> None:
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # the adapter has read enough

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {}, b'{"name": "triton", "extensions": []}'), Unsupported),
        ((200, {}, b"<html>"), ProtocolError),
        ((200, {}, b"[1]"), ProtocolError),
        ((302, {"location": "http://127.0.0.1:1/"}, b""), ProtocolError),
        ((404, {}, b"not here"), ProtocolError),
        ((502, {}, b"bad gateway"), HostUnreachable),
        ((200, {}, b'"' + b"x" * 9_000_000 + b'"'), ProtocolError),
    ],
    ids=["triton", "page", "list", "redirect", "missing", "gateway", "flood"],
)
def test_another_kind_of_server_is_recognised(
    answer: tuple[int, dict[str, str], bytes], error: type[AdapterError]
) -> None:
    handler = type("Stranger", (_Stranger,), {"answer": answer})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            adapter = adapter_for("bundled", HostAddress("alpha", url, TOKEN))
            with pytest.raises(error):
                adapter.probe()
        finally:
            server.shutdown()
            thread.join()
