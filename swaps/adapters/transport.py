"""One bounded HTTP exchange with a host, its failures told in our words.

Bounded on purpose: a host that trickles, floods or redirects must not hold a
worker, fill its memory or send our token elsewhere.
"""

import ipaddress
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from swaps.adapters.bounded import within
from swaps.adapters.contract import HostAddress
from swaps.adapters.errors import (
    AuthFailed,
    HostUnreachable,
    NoConnection,
    OutcomeUnknown,
    ProtocolError,
)
from swaps.domain.host_addresses import in_url, parse_host_url
from swaps.domain.texts import sentence

MAX_ANSWER_BYTES = 8 * 1024 * 1024
CONNECT_SECONDS = 0.5
# A control call only sets something in motion: an answer later than this is none.
ANSWER_SECONDS = 1.5
# One inference of a slow model, on a busy machine.
INFERENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HostResponse:
    status: int
    body: dict[str, Any]
    elapsed_ms: float

    @property
    def error(self) -> str:
        """The host's own sentence (Open Inference Protocol v2: `{"error": "..."}`)."""
        return sentence(self.body.get("error")) or f"HTTP {self.status}"

    @property
    def code(self) -> str | None:
        code = self.body.get("code")
        return code if isinstance(code, str) else None


@dataclass(frozen=True, slots=True)
class Transport:
    address: HostAddress
    client: httpx.Client

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        payload: Mapping[str, Any] | None = None,
        changes_host: bool = False,
        authorised: bool = True,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> HostResponse:
        """Exchange one request for one JSON object, whatever its HTTP status below 500.

        Raises HostUnreachable, or OutcomeUnknown instead when the call changes the
        host and may have reached it; AuthFailed; ProtocolError.
        """
        base, host, name = self._reached()
        sent = {"host": host, **(headers or {}), "accept-encoding": "identity"}
        if authorised and self.address.token:
            sent["authorization"] = f"Bearer {self.address.token}"
        timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        where = f"{self.address.name} ({self.address.url})"
        lost = OutcomeUnknown if changes_host else HostUnreachable
        began = time.monotonic()
        try:
            with (
                within(answer_seconds + CONNECT_SECONDS),
                self.client.stream(
                    method,
                    base + path,
                    headers=sent,
                    json=payload,
                    timeout=timeout,
                    extensions={"sni_hostname": name},
                ) as response,
            ):
                content = _read(response, where)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NoConnection(f"no connection to host {where}: {_words(error)}") from error
        except httpx.TimeoutException as error:
            raise lost(
                f"host {where} did not answer {method} {path} in full within {answer_seconds:g} s"
            ) from error
        except httpx.LocalProtocolError as error:
            # Said by our own side, of what we would send: it may quote the token.
            raise ProtocolError(
                f"{method} {path} cannot be sent to host {where}: its control token or path has "
                "characters that HTTP does not allow"
            ) from error
        except httpx.TransportError as error:
            raise lost(
                f"the connection to host {where} broke during {method} {path}: {_words(error)}"
            ) from error
        elapsed_ms = (time.monotonic() - began) * 1000
        status = response.status_code
        if status in (401, 403):
            raise AuthFailed(f"host {where} refused our control token")
        if 300 <= status < 400:
            raise ProtocolError(f"host {where} answered {method} {path} with a redirect")
        return HostResponse(
            status, _object(content, status, f"host {where}, {method} {path}"), elapsed_ms
        )

    def _reached(self) -> tuple[str, str, str]:
        """The base URL by address; what the host is called in HTTP, and in TLS."""
        url = parse_host_url(self.address.url)
        if not self.address.pinned:
            raise HostUnreachable(
                f"host {self.address.name}: {url.name} was not resolved to an address yet; "
                "check the host again"
            )
        literal = in_url(str(ipaddress.ip_address(self.address.pinned)))
        base = f"{url.scheme}://{literal}:{url.port}{url.path}"
        return base, f"{in_url(url.name)}:{url.port}", url.name

    def failure(self, answer: HostResponse, what: str, *, changes_host: bool = False) -> Exception:
        """The error for an answer that no adapter expects."""
        words = f"host {self.address.name} can't {what}: {answer.error} (HTTP {answer.status})"
        if answer.status < 500:
            return ProtocolError(words)
        return (OutcomeUnknown if changes_host else HostUnreachable)(words)


def _read(response: httpx.Response, where: str) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        # We asked for none. A few bytes of it may unpack to more than our memory.
        raise ProtocolError(f"host {where} answered in the encoding {encoding[:40]!r}")
    content = bytearray()
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ProtocolError(f"host {where} answered more than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)


def _object(content: bytes, status: int, what: str) -> dict[str, Any]:
    try:
        body = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    if status >= 400:
        return {}  # a proxy's page, perhaps: the status says enough
    raise ProtocolError(f"{what}: the answer is not a JSON object")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _words(error: Exception) -> str:
    # It may quote what the host sent. An error's number says nothing beside its words.
    words = re.sub(r"^\[Errno -?\d+\] ", "", sentence(error, 200))
    return words or type(error).__name__
