"""Checksums of model files, computed in a thread of their own and kept.

The first checksum of a large file takes seconds. Whoever asks for the index gets
an answer at once, with `null` where a checksum is not known yet.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from swaps.bundled_host.repository import Artifact, Ref


def sha256_of(artifact: Artifact) -> str:
    """`sha256:` and the checksum in hex. Raises OSError. Reads the whole file."""
    with artifact.path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


class Digests:
    """Used from the event loop only."""

    PATIENCE_SECONDS = 0.3

    def __init__(self) -> None:
        self._known: dict[Ref, tuple[tuple[int, int, int, int], str]] = {}
        self._running: dict[Ref, asyncio.Future[None]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="digest")

    def known(self, artifact: Artifact) -> str | None:
        identity, digest = self._known.get(artifact.ref, (None, None))
        return digest if identity == artifact.identity else None

    def remember(self, artifact: Artifact, digest: str) -> None:
        self._known[artifact.ref] = (artifact.identity, digest)

    async def look_at(self, artifacts: Iterable[Artifact]) -> None:
        """Begin what is not known yet, and wait a short while for it."""
        for artifact in artifacts:
            if self.known(artifact) is None and artifact.ref not in self._running:
                self._running[artifact.ref] = asyncio.ensure_future(self._compute(artifact))
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=self.PATIENCE_SECONDS)

    async def _compute(self, artifact: Artifact) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.remember(artifact, await loop.run_in_executor(self._thread, sha256_of, artifact))
        except OSError:
            pass  # gone or unreadable since we looked: its digest stays unknown
        finally:
            del self._running[artifact.ref]

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
