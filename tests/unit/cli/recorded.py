"""Answers of the real API, kept as files: `make record-answers` writes them anew."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

ANSWERS = Path(__file__).parent / "answers"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """To one call. `path`: below /api/v1/, without its query. `body`: the JSON document, or the
    text of another kind; of an event stream the list of what was sent, each with its `event`,
    `id` and `data`.
    """

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    def content(self) -> bytes:
        if self.body is None:
            return b""
        if self.content_type == EVENT_STREAM:
            return b"".join(as_sent(event) for event in self.body)
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()

    def at(self, path: str) -> Self:
        """The same answer to a call of another path."""
        return replace(self, path=path)

    def but(self, **fields: Any) -> Self:
        """With other values in its body."""
        return replace(self, body=self.body | fields)

    def keep(self, name: str) -> None:
        file = ANSWERS / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def as_sent(event: dict[str, Any]) -> bytes:
    """One server-sent event, as it comes over the wire."""
    number = "" if event["id"] is None else f"id: {event['id']}\n"
    return f"{number}event: {event['event']}\ndata: {json.dumps(event['data'])}\n\n".encode()


def recorded(name: str) -> Answer:
    return Answer(**json.loads((ANSWERS / f"{name}.json").read_text()))


def every_name() -> list[str]:
    return sorted(
        str(file.relative_to(ANSWERS).with_suffix("")) for file in ANSWERS.rglob("*.json")
    )
