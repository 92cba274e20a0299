"""Model hosts that load slowly, fail, restart, go silent, or ignore what they are told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


class Unreachable(Exception):
    pass


@dataclass
class Host:
    name: str
    boot: int = 1
    reachable: bool = True
    load_time: timedelta = timedelta(milliseconds=200)
    load_fails: bool = False
    answers: bool = True
    unloads: bool = True
    # When a version will be, or was, ready; None: its load failed.
    loaded: dict[str, datetime | None] = field(default_factory=dict)
    # When it last said to whoever asked that a version is ready.
    answered_ready: dict[str, datetime] = field(default_factory=dict)

    def status(self, version: str, now: datetime) -> str:
        if not self.reachable:
            raise Unreachable
        if version not in self.loaded:
            return "available"
        ready_at = self.loaded[version]
        if ready_at is None:
            return "failed"
        return "ready" if ready_at <= now else "loading"

    def say(self, version: str, now: datetime) -> str:
        status = self.status(version, now)
        if status == "ready":
            self.answered_ready[version] = now
        return status

    def serves(self, version: str, now: datetime) -> bool:
        return self.reachable and self.status(version, now) == "ready"

    def load(self, version: str, now: datetime) -> None:
        if self.status(version, now) in {"available", "failed"}:
            self.loaded[version] = None if self.load_fails else now + self.load_time

    def answer(self, version: str, now: datetime) -> str:
        """The status after a real inference: a wrong answer is a failed version."""
        status = self.status(version, now)
        return "failed" if status == "ready" and not self.answers else status

    def unload(self, version: str, now: datetime) -> str:
        if self.status(version, now) != "available" and self.unloads:
            del self.loaded[version]
        return self.status(version, now)

    def restart(self, *, empty: bool) -> None:
        self.boot += 1
        if empty:
            self.loaded = {}

    def finish_loads(self, now: datetime) -> None:
        for version, ready_at in self.loaded.items():
            self.loaded[version] = min(ready_at, now) if ready_at else None
