"""What is written in one turn of the event loop is sent at once."""

import asyncio
from typing import Any, cast

from swaps.bundled_host.joined_writes import JoinedWrites


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.sent


def joined(wire: Wire) -> JoinedWrites:
    return JoinedWrites(cast(Any, wire), asyncio.get_running_loop())


def test_head_and_body_go_together_and_the_next_answer_by_itself() -> None:
    wire = Wire()

    async def answers() -> None:
        transport = joined(wire)
        for _ in range(2):
            transport.write(b"head ")
            transport.write(b"body")
            await asyncio.sleep(0)

    asyncio.run(answers())
    assert wire.sent == [b"head body", b"head body"]


def test_a_connection_closes_behind_what_was_written() -> None:
    wire = Wire()

    async def answer() -> None:
        transport = joined(wire)
        transport.write(b"last words")
        transport.close()
        assert transport.is_closing()
        await asyncio.sleep(0)

    asyncio.run(answer())
    assert wire.sent == [b"last words", b"closed"]
