"""The bundled host: Open Inference Protocol v2 and its `hotswap_version_control`."""

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from swaps.adapters.contract import (
    Capabilities,
    HostAddress,
    HostInfo,
    Observation,
    Ref,
    Scope,
    SmokeResult,
    Upstream,
    VersionStatus,
)
from swaps.adapters.errors import (
    ArtifactMissing,
    Conflict,
    HostUnreachable,
    LoadFailed,
    NotReady,
    ProtocolError,
    RequestRefused,
    Unsupported,
)
from swaps.adapters.transport import INFERENCE_SECONDS, HostResponse, Transport
from swaps.domain.host_addresses import parse_host_url
from swaps.domain.names import name_problem
from swaps.domain.texts import sentence
from swaps.models.hosts import BOOT_ID_LENGTH, DIGEST_LENGTH

EXTENSION = "hotswap_version_control"
MOST_EXTENSIONS = 100
_LONGEST = {"boot_id": BOOT_ID_LENGTH, "digest": DIGEST_LENGTH}
_LARGEST = 2**63 - 1


class BundledHost:
    kind: ClassVar[str] = "bundled"
    capabilities: ClassVar[Capabilities] = Capabilities(
        scope=Scope.NATIVE,
        loads_in_background=True,
        spares_in_flight=True,
        disturbs_siblings=False,
        fences=True,
        reports_digest=True,
        reports_in_flight=True,
        version_pattern=r"[a-z0-9]+([._-][a-z0-9]+)*",
        not_begun_header="hotswap-not-begun",
        keep_alive_seconds=75,
    )

    def __init__(self, address: HostAddress, client: httpx.Client) -> None:
        self._transport = Transport(address, client)

    @property
    def address(self) -> HostAddress:
        return self._transport.address

    def identify(self) -> HostInfo:
        server = self._expect_ok(self._transport.call("GET", "/v2", authorised=False), "be probed")
        extensions = server.get("extensions")
        if not isinstance(extensions, list) or EXTENSION not in extensions:
            raise Unsupported(
                f"host {self.address.name} ({self.address.url}) is not a bundled host: "
                f"it doesn't offer the extension {EXTENSION}"
            )
        return HostInfo(
            name=sentence(server.get("name")),
            version=sentence(server.get("version")),
            boot_id=_text(server, "boot_id"),
            extensions=tuple(sentence(extension) for extension in extensions[:MOST_EXTENSIONS]),
        )

    def probe(self) -> HostInfo:
        info = self.identify()
        self._index()  # only a control call shows whether it takes our token
        return info

    def list(self) -> list[tuple[Ref, Observation]]:
        index = self._index()
        boot_id = _text(index, "boot_id")
        try:
            listed = [
                (Ref(str(one["name"]), str(one["version"])), _observation(one, boot_id))
                for one in index["models"]
            ]
        except (KeyError, TypeError) as error:
            raise ProtocolError(
                f"host {self.address.name} lists its versions in an unknown form: {error!r}"
            ) from error
        return [(ref, seen) for ref, seen in listed if _may_be(ref)]

    def status(self, ref: Ref) -> Observation:
        answer = self._transport.call("GET", _control_path(ref))
        if answer.status == 404:
            return self._absent(answer)
        body = self._expect_ok(answer, f"tell the status of {ref}")
        return _observation(body, _text(body, "boot_id"))

    def begin_load(self, ref: Ref, *, fence: int, expected_digest: str | None) -> Observation:
        headers = {"hotswap-fence": str(fence)}
        if expected_digest is not None:
            headers["hotswap-expected-digest"] = expected_digest
        return self._change(ref, "load", headers)

    def begin_unload(self, ref: Ref, *, fence: int) -> Observation:
        return self._change(ref, "unload", {"hotswap-fence": str(fence)})

    def cleanup(self, ref: Ref, *, fence: int) -> Observation:
        # An unload also calls off a load under way and forgets one that failed.
        return self.begin_unload(ref, fence=fence)

    def smoke(self, ref: Ref, payload: Mapping[str, Any]) -> SmokeResult:
        answer = self._transport.call(
            "POST",
            _model_path(ref) + "/infer",
            payload=payload,
            authorised=False,
            answer_seconds=INFERENCE_SECONDS,
        )
        self._refuse_unready(ref, answer)
        if answer.status in (400, 413):
            raise RequestRefused(
                f"{ref} on host {self.address.name} refused the sample request: {answer.error}"
            )
        body = self._expect_ok(answer, f"answer an inference with {ref}")
        answered = Ref(str(body.get("model_name")), str(body.get("model_version")))
        if answered != ref or not isinstance(body.get("outputs"), list):
            raise ProtocolError(
                f"host {self.address.name} was asked for {ref}, but {answered} answered"
            )
        return SmokeResult(latency_ms=answer.elapsed_ms, answer=body)

    def metadata(self, ref: Ref) -> dict[str, Any]:
        answer = self._transport.call("GET", _model_path(ref), authorised=False)
        self._refuse_unready(ref, answer)
        return self._expect_ok(answer, f"describe {ref}")

    def route(self, ref: Ref) -> Upstream:
        url = parse_host_url(self.address.url)
        if not self.address.pinned:
            raise HostUnreachable(f"host {self.address.name}: {url.name} was not resolved yet")
        path = url.path + _model_path(ref)
        return Upstream(
            host=self.address.pinned,
            port=url.port,
            tls=url.scheme == "https",
            server_name=url.name,
            infer_path=path + "/infer",
            ready_path=path + "/ready",
            metadata_path=path,
            health_path=path + "/ready",
        )

    def live_path(self) -> str:
        return parse_host_url(self.address.url).path + "/v2/health/live"

    def _index(self) -> dict[str, Any]:
        answer = self._transport.call("GET", "/v2/repository/index")
        return self._expect_ok(answer, "list its versions")

    def _change(self, ref: Ref, verb: str, headers: dict[str, str]) -> Observation:
        answer = self._transport.call(
            "POST", f"{_control_path(ref)}/{verb}", headers=headers, changes_host=True
        )
        where = f"{ref} on host {self.address.name}"
        match answer.status, answer.code:
            case 404, "version-not-found" if verb == "unload":
                return self._absent(answer)
            case 404, "version-not-found":
                raise ArtifactMissing(f"host {self.address.name} has no file of {ref}")
            case 400, "invalid-name":
                raise Unsupported(f"{where}: {answer.error}")
            case 409, "stale-fence":
                raise Conflict(
                    f"{where}: {answer.error}. If the database was restored from a backup, run "
                    "manage.py after_restore; else another Hotswap controls this host"
                )
            case 409, "digest-mismatch":
                raise LoadFailed(f"{where}: {answer.error}")
        body = self._expect_ok(answer, f"{verb} {ref}", changes_host=True)
        return _observation(body, _text(body, "boot_id"))

    def _absent(self, answer: HostResponse) -> Observation:
        # Any proxy or web server can say 404; only the host's own word means "absent".
        if answer.code != "version-not-found":
            raise ProtocolError(
                f"host {self.address.name} ({self.address.url}) doesn't know its own control "
                f"calls: {answer.error}; is it a bundled host?"
            )
        return Observation(VersionStatus.ABSENT, in_flight=0)

    def _refuse_unready(self, ref: Ref, answer: HostResponse) -> None:
        where = f"{ref} on host {self.address.name}"
        if answer.status in (429, 503):
            raise NotReady(f"{where}: {answer.error}")
        if answer.status == 404:
            raise ArtifactMissing(f"{where}: {answer.error}")

    def _expect_ok(
        self, answer: HostResponse, what: str, *, changes_host: bool = False
    ) -> dict[str, Any]:
        if 200 <= answer.status < 300:
            return answer.body
        raise self._transport.failure(answer, what, changes_host=changes_host)


def _may_be(ref: Ref) -> bool:
    return not (name_problem(ref.model, of="model") or name_problem(ref.version, of="version"))


def _control_path(ref: Ref) -> str:
    return f"/v2/repository/models/{ref.model}/versions/{ref.version}"


def _model_path(ref: Ref) -> str:
    return f"/v2/models/{ref.model}/versions/{ref.version}"


def _observation(body: Mapping[str, Any], boot_id: str | None) -> Observation:
    state = body.get("state")
    try:
        status, reason = VersionStatus(str(state)), sentence(body.get("reason"))
    except ValueError:
        status, reason = VersionStatus.UNKNOWN, f"the host says {sentence(state, 40)!r}"
    return Observation(
        status=status,
        reason=reason,
        digest=_text(body, "digest"),
        size_bytes=_count(body, "size_bytes"),
        boot_id=boot_id,
        in_flight=_count(body, "in_flight"),
    )


def _text(body: Mapping[str, Any], key: str) -> str | None:
    """Raises ProtocolError: cut short, an identity would be another one."""
    value = body.get(key)
    if not isinstance(value, str):
        return None
    if len(value) > _LONGEST[key] or not value.isprintable():
        raise ProtocolError(
            f"the host says a {key} that is not up to {_LONGEST[key]} printable characters"
        )
    return value


def _count(body: Mapping[str, Any], key: str) -> int | None:
    value = body.get(key)
    return value if type(value) is int and 0 <= value <= _LARGEST else None
