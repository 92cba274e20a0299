"""Questions to hosts and to the resolver, kept out of a transaction that the whole of a request is.

A request that may be repeated is one transaction, see swaps.commands.repeats, and a host may take
seconds to answer. So where such a request comes to a question, what it did so far is undone;
the question is asked while no transaction is open; and the request begins anew, with the
answer at hand. Everywhere else a question is simply asked.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from swaps.models import ModelHost


@dataclass(frozen=True, slots=True)
class _Told:
    answer: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked for one request, by question. Seconds old at most."""

    _told: dict[Hashable, _Told] = field(default_factory=dict)

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """In here nothing is asked: what there is no answer for raises NotAskedYet."""
        before = _answers.set(self)
        try:
            yield
        finally:
            _answers.reset(before)

    def ask(self, missing: "NotAskedYet") -> None:
        try:
            self._told[missing.about] = _Told(missing.question())
        except Exception as error:  # raised again where it is asked for
            self._told[missing.about] = _Told(error=error)

    def of(self, about: Hashable, question: Callable[[], Any]) -> Any:
        if about not in self._told:
            raise NotAskedYet(about, question)
        told = self._told[about]
        if told.error is not None:
            raise told.error
        return told.answer


class NotAskedYet(BaseException):
    """For `repeats.once` alone; no error, so nobody who handles errors may keep it."""

    def __init__(self, about: Hashable, question: Callable[[], Any]) -> None:
        super().__init__(about)
        self.about = about
        self.question = question


_answers: ContextVar[Answers | None] = ContextVar("answers at hand", default=None)


def answered[T](about: Hashable, question: Callable[[], T]) -> T:
    """The answer to `question`, which changes nothing. `about` says what it asks, and whom.

    Raises what `question` raises.
    """
    answers = _answers.get()
    if answers is None:
        return question()
    found: T = answers.of(about, question)
    return found


def whom(host: ModelHost) -> Hashable:
    """One that got another address or credential meanwhile is asked anew."""
    return (host.name, host.kind, host.url, host.control_token, host.pinned_address)
