"""What a call of the command line left when it ended, in a process of its own or in this one."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Of JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]
