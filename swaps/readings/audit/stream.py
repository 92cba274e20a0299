"""The audit log as a stream: the oldest entry first, chunk by chunk, in constant memory.

Between two chunks it holds neither a thread nor a database connection, and it reads no faster
than it is taken. Entries that come while it runs are not in it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

from swaps.access.roles import Scope
from swaps.audit.export import Form, csv_text, jsonl_text
from swaps.audit.filters import AuditFilter
from swaps.readings.audit.entries import AuditReading, read_forward
from swaps.readings.shared.looks import give_back_thread, work_in

COLUMNS = tuple(field.name for field in fields(AuditReading))
CHUNK = 500

# One for all exports of this process. They take turns, and each rests as long as it worked, so
# that whoever looks at a swap meanwhile hardly notices.
thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="export")


class NoLongerAllowed(Exception):
    """Whoever asked for it was signed out, or lost the token or the role, in the middle."""


async def stream_audit(
    wanted: AuditFilter,
    form: Form,
    *,
    scope: Scope,
    until: int,
    still_allowed: Callable[[], bool],
) -> AsyncIterator[str]:
    """Entries up to the id `until`. Raises NoLongerAllowed."""
    # Only here: on its way back the answer passes middleware that takes a thread for it.
    give_back_thread()
    if form == "csv":
        yield ",".join(COLUMNS) + "\r\n"
    after: int | None = 0

    def chunk(after: int) -> tuple[str, int | None]:
        """The text, and the id of its last entry; None when it is the last chunk."""
        if not still_allowed():
            raise NoLongerAllowed
        found = read_forward(wanted, scope=scope, after=after, until=until, limit=CHUNK)
        entries = [entry.as_json() for entry in found]
        text = csv_text(COLUMNS, entries) if form == "csv" else jsonl_text(entries)
        return text, found[-1].id if len(found) == CHUNK else None

    while after is not None:
        began_after, began = after, time.monotonic()
        text, after = await work_in(thread, lambda: chunk(began_after))  # noqa: B023 - awaited here
        took = time.monotonic() - began
        if text:
            yield text
        if after is not None:
            await asyncio.sleep(took)
