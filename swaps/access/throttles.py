"""How often somebody may try, within a minute: logins, wrong tokens, requests of one
token, exports of the audit log.

Counted in Valkey, so that all processes count together. Without it each process counts for
itself what keeps strangers out, and lets those who are known go on: a cache that is away
must not stop a roll back.
"""

import hashlib
import logging
import math
import threading
import time
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from limits.storage import MemoryStorage, RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
# Not asked again at once: each try may cost its timeout.
VALKEY_RESTS_SECONDS = 5.0
TIMEOUT_SECONDS = 0.5
# Behind one address there may be a whole office.
LOGINS_BY_ADDRESS = 10
LOGINS_BY_NAME = 10


class TooOften(Exception):
    """Tried more often than the limit; the message names the limit, not who else there is."""

    code = "too-many-requests"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Tried:
    """One try, counted. `number`: which one in this window, from 1; 0: nobody could count."""

    number: int
    limit: int
    retry_after_seconds: int

    @property
    def too_many(self) -> bool:
        return self.number > self.limit

    @property
    def worth_recording(self) -> bool:
        """Each up to the limit, and the first beyond it. Those after it cost the one who refuses
        next to nothing, or a flood would be the database's.
        """
        return self.number <= self.limit + 1


def try_login(username: str, address: str | None, *, device: str = "") -> Tried:
    """By name and address together first: whoever guesses from elsewhere keeps nobody out. By
    address, so that one machine cannot guess at many; and by name, ten times as often, so that
    many machines cannot guess at one person for ever. The one that is over its limit, if any.

    `device`: of a browser that this person signed in with before. Its tries count by themselves,
    and no stranger's can hold it up.
    """
    limit = settings.FAILED_LOGINS_PER_MINUTE
    here = _count(_login_key(username, address, device), limit, remember=True)
    if device or here.too_many:
        return here
    others = (
        _count(f"login-from:{address}", limit * LOGINS_BY_ADDRESS, remember=True),
        _count(f"login-as:{_digest(username.casefold())}", limit * LOGINS_BY_NAME, remember=True),
    )
    return next((tried for tried in others if tried.too_many), here)


def forget_logins(username: str, address: str | None, *, device: str = "") -> None:
    """They got in: what they mistyped before counts no more."""
    key = _login_key(username, address, device)
    counters = _counters()
    counters.in_memory.clear(key)
    if counters.may_ask_valkey():
        try:
            counters.in_valkey.clear(key)
        except redis.RedisError as error:
            counters.valkey_rests(error)


def try_wrong_token(address: str | None) -> Tried:
    return _count(f"wrong-token:{address}", settings.WRONG_TOKENS_PER_MINUTE, remember=True)


def try_request(token_id: int) -> Tried:
    return _count(f"request:{token_id}", settings.REQUESTS_PER_MINUTE, remember=False)


def try_export(user: str) -> Tried:
    return _count(f"export:{_digest(user)}", settings.EXPORTS_PER_MINUTE, remember=False)


def _login_key(username: str, address: str | None, device: str) -> str:
    where = f"device:{device}" if device else str(address)
    return f"login:{_digest(username.casefold())}:{where}"


def _digest(name: str) -> str:
    """Whatever was typed: of any length, with any characters."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _count(key: str, limit: int, *, remember: bool) -> Tried:
    """`remember`: count in this process when Valkey is away; otherwise nobody is held up."""
    counters = _counters()
    if counters.may_ask_valkey():
        try:
            number = _counted(counters.in_valkey, key, limit)
        except redis.RedisError as error:
            counters.valkey_rests(error)
        else:
            counters.valkey_answers()
            return number
    return _counted(counters.in_memory, key, limit) if remember else Tried(0, limit, 0)


def _counted(storage: RedisStorage | MemoryStorage, key: str, limit: int) -> Tried:
    number = storage.incr(key, WINDOW_SECONDS)
    wait = storage.get_expiry(key) - time.time() if number > limit else 0.0
    return Tried(number, limit, max(1, math.ceil(wait)))


class _Counters:
    """Those of one Valkey, and what this process counts while it is away."""

    def __init__(self, url: str, prefix: str) -> None:
        self.in_valkey = RedisStorage(
            url.replace("unix://", "redis+unix://", 1),
            key_prefix=f"{prefix}:throttle",
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # By default each call is tried four times, with pauses that grow.
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type] # for redis, which takes more
            **settings.VALKEY_TLS,
        )
        self.in_memory = MemoryStorage()
        self._rests_until = 0.0
        self._failed = False
        self._lock = threading.Lock()

    def may_ask_valkey(self) -> bool:
        """After a failure one request tries, and the others go on without: each would wait for
        its own timeout, and hold its place at the door as long.
        """
        with self._lock:
            now = time.monotonic()
            if now < self._rests_until:
                return False
            if self._failed:
                self._rests_until = now + VALKEY_RESTS_SECONDS
            return True

    def valkey_rests(self, error: redis.RedisError) -> None:
        with self._lock:
            before, self._failed = self._failed, True
            self._rests_until = time.monotonic() + VALKEY_RESTS_SECONDS
        if not before:
            log.warning("throttles count without Valkey: %s", error)

    def valkey_answers(self) -> None:
        if self._failed:
            with self._lock:
                self._failed, self._rests_until = False, 0.0
            log.info("throttles count in Valkey again")


def _counters() -> _Counters:
    return _counters_at(settings.VALKEY_URL, settings.VALKEY_PREFIX)


@cache
def _counters_at(url: str, prefix: str) -> _Counters:
    return _Counters(url, prefix)
