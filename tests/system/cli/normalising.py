"""What differs from one recording to the next, made the same: so a difference is a change."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TOKEN = re.compile(r"hs_[A-Za-z0-9_-]{8,}")
_ETAG = re.compile(r"\b[0-9a-f]{8}(?:\.[0-9a-f]{8})+\b")
_DIGEST = re.compile(r"\b[0-9a-f]{16,64}\b")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{2,5}|(?<=port )\d{4,5}")
_MILLISECONDS = re.compile(r"\b\d+(?= ms\b)")
_SECONDS = re.compile(r"\b\d+\.\d+(?= s\b)")
_FIRST = datetime(2026, 10, 2, 10, 0, tzinfo=UTC)


class Normaliser:
    """Of one whole recording: the same id is the same in every answer, and times keep their
    order, a second from each to the next.
    """

    def __init__(self, everything: Iterable[Any]) -> None:
        found = {time for text in _texts(list(everything)) for time in _TIME.findall(text)}
        ordered = sorted({datetime.fromisoformat(time) for time in found})
        self._times = {time: _FIRST + timedelta(seconds=n) for n, time in enumerate(ordered)}
        self._names: dict[str, dict[str, str]] = {}

    def __call__(self, value: Any) -> Any:
        match value:
            case dict():
                return {self._text(name): self(one) for name, one in value.items()}
            case list():
                return [self(one) for one in value]
            case str():
                return self._text(value)
            case float():
                return round(value, 1)
        return value

    def _text(self, text: str) -> str:
        text = _TIME.sub(self._time, text)
        text = _UUID.sub(self._as("id", lambda n, _: f"00000000-0000-4000-8000-{n:012x}"), text)
        text = _TOKEN.sub(self._token, text)
        text = _ETAG.sub(self._as("etag", lambda n, _: f"{n:08x}.00000000"), text)
        text = _DIGEST.sub(self._as("digest", lambda n, old: f"{n:0{len(old)}x}"), text)
        text = _SECONDS.sub("0.1", text)
        text = _MILLISECONDS.sub("8", text)
        return _PORT.sub(self._as("port", lambda n, _: f"{8100 + n}"), text)

    def _time(self, found: re.Match[str]) -> str:
        moved = self._times[datetime.fromisoformat(found[0])]
        return moved.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _token(self, found: re.Match[str]) -> str:
        """Its first characters are told elsewhere too, as its prefix."""
        prefix, rest = found[0][:11], found[0][11:]
        names = self._names.setdefault("token", {})
        return names.setdefault(prefix, f"hs_token{len(names) + 1:03}") + "x" * len(rest)

    def _as(self, kind: str, name: Callable[[int, str], str]) -> Callable[[re.Match[str]], str]:
        names = self._names.setdefault(kind, {})

        def replaced(found: re.Match[str]) -> str:
            return names.setdefault(found[0], name(len(names) + 1, found[0]))

        return replaced


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
