"""How often somebody may try, within a minute: logins, wrong tokens, requests of one
token, exports of the audit log.

Counted in Valkey, so that all processes count together. Without it each process counts for
itself what keeps strangers out, and lets those who are known go on: a cache that is away
must not stop a roll back.
"""

import hashlib
import logging
import math
import time
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from limits.storage import MemoryStorage, RedisStorage

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
# Not asked again at once: each try may cost its timeout.
VALKEY_RESTS_SECONDS = 5.0
TIMEOUT_SECONDS = 0.5
# Behind one address there may be a whole office.
LOGINS_BY_ADDRESS = 10


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


def try_login(username: str, address: str | None) -> Tried:
    """By name, so that many machines cannot guess at one person together; and by address, so
    that one machine cannot guess at many. The nearer to its limit of the two.
    """
    limit = settings.FAILED_LOGINS_PER_MINUTE
    by_name = _count(_login_key(username), limit, remember=True)
    by_address = _count(f"login-from:{address}", limit * LOGINS_BY_ADDRESS, remember=True)
    return by_address if by_address.too_many and not by_name.too_many else by_name


def forget_logins(username: str) -> None:
    """They got in: what they mistyped before counts no more."""
    _in_memory().clear(_login_key(username))
    try:
        _in_valkey().clear(_login_key(username))
    except redis.RedisError as error:
        log.debug("failed logins not forgotten: %s", error)


def try_wrong_token(address: str | None) -> Tried:
    return _count(f"wrong-token:{address}", settings.WRONG_TOKENS_PER_MINUTE, remember=True)


def try_request(token_id: int) -> Tried:
    return _count(f"request:{token_id}", settings.REQUESTS_PER_MINUTE, remember=False)


def try_export(user: str) -> Tried:
    return _count(f"export:{_digest(user)}", settings.EXPORTS_PER_MINUTE, remember=False)


def _login_key(username: str) -> str:
    return f"login:{_digest(username.casefold())}"


def _digest(name: str) -> str:
    """Whatever was typed: of any length, with any characters."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _count(key: str, limit: int, *, remember: bool) -> Tried:
    """`remember`: count in this process when Valkey is away; otherwise nobody is held up."""
    global _rests_until
    if time.monotonic() >= _rests_until:
        try:
            return _counted(_in_valkey(), key, limit)
        except redis.RedisError as error:
            _rests_until = time.monotonic() + VALKEY_RESTS_SECONDS
            log.warning("throttles count without Valkey: %s", error)
    return _counted(_in_memory(), key, limit) if remember else Tried(0, limit, 0)


def _counted(storage: RedisStorage | MemoryStorage, key: str, limit: int) -> Tried:
    number = storage.incr(key, WINDOW_SECONDS)
    wait = storage.get_expiry(key) - time.time() if number > limit else 0.0
    return Tried(number, limit, max(1, math.ceil(wait)))


_rests_until = 0.0


@cache
def _in_valkey() -> RedisStorage:
    return RedisStorage(
        settings.VALKEY_URL.replace("unix://", "redis+unix://", 1),
        key_prefix=f"{settings.VALKEY_PREFIX}:throttle",
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


@cache
def _in_memory() -> MemoryStorage:
    return MemoryStorage()
