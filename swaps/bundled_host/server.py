"""uvicorn around the application: socket, ready file, graceful end."""

import gc
import json
import logging
import os
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from swaps.bundled_host.application import Application
from swaps.bundled_host.configuration import Configuration
from swaps.bundled_host.joined_writes import HttpProtocol

log = logging.getLogger(__name__)


def bind(address: str, port: int) -> socket.socket:
    """Listen address of the host; port 0 picks a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


class HostServer(uvicorn.Server):
    def __init__(self, configuration: Configuration, application: Application) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=HttpProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=configuration.keep_alive_seconds,
                timeout_graceful_shutdown=configuration.grace_seconds,
            )
        )
        self._configuration = configuration
        self._application = application

    def run_on(self, listener: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT, then finish what is in flight."""
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal again when it has ended; without a handler of
            # ours that kills the process, and a clean end looks like a crash.
            signal.signal(number, self._stop)
        # What stays for good needs no looking through while requests wait.
        gc.collect()
        gc.freeze()
        try:
            self.run(sockets=[listener])
        finally:
            self._remove_ready_file()
            self._application.close()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started or not sockets:
            return
        address, port = sockets[0].getsockname()[:2]
        url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        boot_id = self._application.boot_id
        log.info("serving", extra={"fields": {"url": url, "boot_id": boot_id, "pid": os.getpid()}})
        if self._configuration.ready_file:
            _write_atomically(
                self._configuration.ready_file,
                json.dumps({"url": url, "pid": os.getpid(), "boot_id": boot_id}),
            )

    def _remove_ready_file(self) -> None:
        path = self._configuration.ready_file
        if path is None:
            return
        try:
            # A newer host may have written its own in the meantime: leave that.
            if json.loads(path.read_text())["boot_id"] == self._application.boot_id:
                path.unlink()
        except FileNotFoundError:
            pass  # we ended before we were ready, or somebody tidied up


def _write_atomically(path: Path, text: str) -> None:
    """A reader sees the whole file or none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)
