"""The way to Valkey for whoever shows something: short limits, and a rest after each failure.

Nobody decides by what is kept there, so a Valkey that stands still must cost nobody more than a
moment: without the rest each page, sample and probe would wait for its own timeout.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 0.5
REST_SECONDS = 5.0

_lock = threading.Lock()
_rests_until = 0.0
_trouble = ""


class Resting(redis.ConnectionError):
    """It did not answer lately; the message is what it failed of then."""


@contextmanager
def valkey() -> Iterator[redis.Redis]:
    """A pooled client. The block raises redis.RedisError, and at once during a rest."""
    global _rests_until, _trouble
    with _lock:
        now = time.monotonic()
        if _trouble:
            if now < _rests_until:
                raise Resting(_trouble)
            # One tries, the others rest on: at a page's worth of threads each would wait.
            _rests_until = now + REST_SECONDS
    try:
        yield _client()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        words = str(error).strip() or type(error).__name__
        if isinstance(error, redis.TimeoutError):
            words = f"no answer within {TIMEOUT_SECONDS:g} s ({error})"
        with _lock:
            _trouble, _rests_until = words, time.monotonic() + REST_SECONDS
        raise
    _trouble = ""


def valkey_trouble() -> str:
    """Why it cannot be asked; "" when it answers now."""
    try:
        with valkey() as client:
            client.ping()
    except redis.RedisError as error:
        return str(error).strip() or type(error).__name__
    return ""


def forget_valkey() -> None:
    """As if it had never been asked: another address from now on."""
    global _rests_until, _trouble
    _rests_until, _trouble = 0.0, ""
    _client.cache_clear()


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        # By default each call is tried four times, with pauses that grow.
        retry=Retry(NoBackoff(), 0),
        **settings.VALKEY_TLS,
    )
