"""Calls of the REST API. What may be tried again is; every problem becomes an error.

A POST carries an Idempotency-Key, the same at each try: a server that did it, and whose
answer was lost, does it no second time.
"""

import os
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from swaps.cli import __version__
from swaps.cli.exits import CommandRefused, Misused, ServerFailed, Unauthenticated, Unreachable
from swaps.cli.logins import Login
from swaps.cli.output import Document, remark

PATIENCE_SECONDS = 10.0
CA_VARIABLE = "HOTSWAP_CA_FILE"
PROBLEM = "application/problem+json"
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.3, 3.0
# A host is asked whether it has a version before the server answers, 2 s at most.
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# What stands before the server says this while the server itself is away, or starting.
_AWAY = {502, 503, 504}
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def path_of(*parts: str) -> str:
    """`path_of("models", name)`: each part is one segment, whatever is in it."""
    return "/".join(quote(part, safe="") for part in parts)


class Api:
    """`patience_seconds`: how long a server that is away is asked again."""

    def __init__(self, login: Login, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.url = login.url
        self._patience_seconds = patience_seconds
        self._client = httpx.Client(
            base_url=f"{login.url}/api/v1/",
            headers={
                "Authorization": f"Bearer {login.token}",
                "User-Agent": f"hotswap-cli/{__version__}",
            },
            timeout=_TIMEOUT,
            verify=_authorities(),
            # A redirect would carry the token to an address that nobody typed.
            follow_redirects=False,
            # No proxy of the environment stands between this machine and itself.
            mounts={f"all://{host}": None for host in _LOOPBACK},
        )

    def close(self) -> None:
        self._client.close()

    # -- calls --

    def get(self, path: str, **query: Any) -> Document:
        return _json(self.answer("GET", path, params=_given(query)))

    def glance(self, path: str) -> Document:
        """A GET that is tried once."""
        response = self._client.get(path)
        _check(response)
        return _json(response)

    def items(self, path: str, *, at_most: int | None = None, **query: Any) -> Iterator[Document]:
        """Of a list, page by page."""
        left = at_most
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["items"] if left is None else page["items"][:left]
            left = None if left is None else left - len(page["items"])
            following = page.get("next")
            if not following or (left is not None and left <= 0):
                return
            cursor = parse_qs(urlsplit(following).query)["cursor"][0]

    def post(self, path: str, body: Document | None = None, *, key: str | None = None) -> Document:
        return _json(self.post_for_answer(path, body, key=key))

    def post_for_answer(
        self, path: str, body: Document | None = None, *, key: str | None = None
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self.answer("POST", path, json=_given(body or {}), headers=headers)

    def patch(self, path: str, changes: Document) -> Document:
        """Changes what was seen: an edit of somebody else in between is refused, not undone."""
        seen = self.answer("GET", path)
        headers = {"If-Match": seen.headers["ETag"]} if "ETag" in seen.headers else {}
        return _json(self.answer("PATCH", path, json=changes, headers=headers))

    def delete(self, path: str) -> None:
        self.answer("DELETE", path)

    def answer(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Raises CommandError for all but 2xx."""
        request = self._client.build_request(method, path, **content)
        response = self._send(request)
        _check(response)
        return response

    @contextmanager
    def open_stream(self, path: str, **content: Any) -> Iterator[httpx.Response]:
        """Tried once; the caller knows what to do when it breaks. Raises CommandError."""
        timeout = content.pop("timeout", _TIMEOUT)
        with self._client.stream("GET", path, timeout=timeout, **content) as response:
            if not response.is_success:
                response.read()
            _check(response)
            yield response

    def _send(self, request: httpx.Request) -> httpx.Response:
        # An edit names what was seen, and is refused when it is made a second time.
        repeatable = request.method in {"GET", "POST"}
        deadline = time.monotonic() + self._patience_seconds
        pauses = growing_pauses()
        told = ""
        perhaps_done = False
        while True:
            try:
                response = self._client.send(request)
            except httpx.TransportError as error:
                never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                perhaps_done |= request.method != "GET" and not never_sent
                if not (repeatable or never_sent) or is_permanent(error):
                    raise unreachable(self.url, error, perhaps_done=perhaps_done) from error
                pause, what = next(pauses), f"{self.url} does not answer"
                if time.monotonic() + pause > deadline:
                    raise unreachable(self.url, error, perhaps_done=perhaps_done) from error
            else:
                wait = _wait_wanted(response, repeatable, pauses)
                if wait is None or time.monotonic() + wait > deadline:
                    return response
                pause, what = wait, _title(response)
            if what != told:
                remark(f"{what}; trying again for {deadline - time.monotonic():.0f} s")
                told = what
            time.sleep(pause)


def growing_pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _authorities() -> ssl.SSLContext | bool:
    """Who may vouch for the server; True: whom this machine, or SSL_CERT_FILE, names.

    Python refuses authorities that lack what newer rules ask for, such as a key usage, though
    curl and browsers take them. One that is named here is trusted as it is. Raises Misused.
    """
    path = os.environ.get(CA_VARIABLE)
    if not path:
        return True
    try:
        context = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise Misused(
            f"{CA_VARIABLE} is {path}, which holds no certificates that can be read "
            f"({error.strerror or error}): name the file, in PEM, of the authority that signed "
            "the server's certificate"
        ) from error
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def unreachable(url: str, error: Exception, *, perhaps_done: bool = False) -> Unreachable:
    """`perhaps_done`: the server may have had the command, and only its answer was lost."""
    reason = str(error) or type(error).__name__
    if is_permanent(error):
        named = os.environ.get(CA_VARIABLE)
        way = (
            f"the authority in {named} ({CA_VARIABLE}) did not sign it, or not for this name"
            if named
            else f"set {CA_VARIABLE} to the file, in PEM, of the authority that signed it; what "
            "curl takes may be refused here, for Python is stricter with authorities that it was "
            "not told of so"
        )
        return Unreachable(f"the certificate of {url} is not trusted: {reason}; {way}")
    look = (
        ". It was sent, and may be done all the same: look before you ask again "
        "('hotswap status', 'hotswap audit --since 10m')"
    )
    return Unreachable(f"{url} cannot be reached: {reason}{look if perhaps_done else ''}")


def is_permanent(error: BaseException) -> bool:
    """Of a certificate that is not trusted, more tries make no friend."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _wait_wanted(
    response: httpx.Response, repeatable: bool, pauses: Iterator[float]
) -> float | None:
    """Seconds until it is worth asking again; None: this answer stands."""
    asked_pause = retry_after(response)
    if response.status_code == 429:
        return asked_pause if asked_pause is not None else next(pauses)
    if response.status_code not in _AWAY or not repeatable:
        return None
    if _problem(response) is not None:
        return asked_pause  # Hotswap itself answered: only if it invites to
    return asked_pause if asked_pause is not None else next(pauses)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, from either form of Retry-After."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    status, problem = response.status_code, _problem(response)
    if problem is None:
        raise _no_answer_of_hotswap(response)
    code, detail = problem.get("code", "refused"), problem.get("detail", "")
    if status == 401:
        raise Unauthenticated(
            f"{response.url.host} does not take this token (unknown, expired or revoked): "
            "run 'hotswap login URL', or set HOTSWAP_TOKEN",
            problem=problem,
        )
    if 400 <= status < 500 or status in _AWAY:
        raise CommandRefused(
            f"{detail} ({status} {code}){_way_on(response, problem)}", problem=problem
        )
    raise ServerFailed(f"{detail} ({status} {code})", problem=problem)


def _way_on(response: httpx.Response, problem: Document) -> str:
    if problem.get("swap_id"):
        swap_id = problem["swap_id"]
        return f"; see it with 'hotswap watch {swap_id}', or 'hotswap rollback {swap_id}'"
    seconds = retry_after(response)
    return f"; try again in {seconds:g} s" if seconds else ""


def _no_answer_of_hotswap(response: httpx.Response) -> ServerFailed | Unreachable:
    status, asked = response.status_code, response.request.url
    if response.has_redirect_location:
        return ServerFailed(
            f"{asked.host} sends on to {response.headers['Location']}: log in with the address "
            "that answers itself"
        )
    if status in _AWAY:
        return Unreachable(f"{asked.host} answers {status}: Hotswap behind it is away")
    return ServerFailed(f"{asked} answers {status}, and not as Hotswap does: is the URL right?")


def _problem(response: httpx.Response) -> Document | None:
    if not response.headers.get("Content-Type", "").startswith(PROBLEM):
        return None
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _title(response: httpx.Response) -> str:
    problem = _problem(response)
    return str(problem["detail"]) if problem else f"the server answers {response.status_code}"


def _json(response: httpx.Response) -> Document:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServerFailed(f"{response.url} answers no JSON document: is this Hotswap?")
    return found


def _given(values: Document) -> Document:
    """What was not said is left to the server's defaults."""
    return {name: value for name, value in values.items() if value is not None}
