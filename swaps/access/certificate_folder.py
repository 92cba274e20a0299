"""The files of keys and certificates on a machine that runs router processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from swaps.access.certificates import Authority, CertificateProblem

# Warned of, and renewed, this long before the end: time for whoever does it by hand.
EXPIRY_WARNING = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RouterFiles:
    """All PEM. `authority` may hold several certificates, while one is replaced by another."""

    own: bytes = field(repr=False)  # a certificate and its key
    authority: bytes


@dataclass(frozen=True, slots=True)
class CertificateEnds:
    own: datetime
    authority: datetime


@dataclass(frozen=True, slots=True)
class CertificateFolder:
    """Where a machine that runs router processes keeps what they show and trust.

    Only a machine that enrols nodes has the authority's key as well.
    """

    path: Path

    @property
    def authority(self) -> Path:
        """Whom nodes and router processes trust."""
        return self.path / "ca.crt"

    @property
    def authority_key(self) -> Path:
        return self.path / "ca.key"

    @property
    def router(self) -> Path:
        return self.path / "router.pem"

    def open_authority(self) -> Authority:
        """For enrolling: with all files of the folder, which are made where they are missing
        and, as to the router process's certificate, where it ends soon.

        Raises CertificateProblem.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self.path):
                return self._open_authority()
        except OSError as error:
            raise CertificateProblem(
                f"{error.filename} cannot be used ({error.strerror}); set HOTSWAP_HOME or "
                "HOTSWAP_XDS_CERTIFICATES to a folder of yours"
            ) from error

    def _open_authority(self) -> Authority:
        if not self.authority_key.exists():
            if self.authority.exists():
                raise CertificateProblem(
                    f"{self.authority_key} is not on this machine: enrol nodes where it was made"
                )
            write_private(self.authority_key, Authority.new().pem)
        authority = Authority.of(self.authority_key.read_bytes())
        if not self.authority.exists():
            write_private(self.authority, authority.certificate())
        if not self.router.exists() or ends_soon(expiry(self.router)):
            write_private(self.router, authority.issue_router().pem)
        return authority

    def read_router(self) -> RouterFiles:
        """What a router process shows and trusts. Raises CertificateProblem."""
        try:
            return RouterFiles(own=self.router.read_bytes(), authority=self.authority.read_bytes())
        except OSError as error:
            raise CertificateProblem(
                f"{error.filename} cannot be read ({error.strerror}); enrol a node by "
                "`manage.py enrolnode`, or copy ca.crt and router.pem from where that was done"
            ) from error

    def ends(self) -> CertificateEnds | None:
        """Of what a router process shows and trusts; None: the files cannot be read now."""
        try:
            return CertificateEnds(own=expiry(self.router), authority=expiry(self.authority))
        except CertificateProblem:
            return None


def expiry(path: Path) -> datetime:
    """When the first certificate in this file ends. Raises CertificateProblem."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except OSError as error:
        raise CertificateProblem(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise CertificateProblem(f"{path} holds no certificate: {error}") from error


def ends_soon(at: datetime) -> bool:
    return at < datetime.now(UTC) + EXPIRY_WARNING


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by nobody else from the first byte on."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two that enrol at the same moment must not make two authorities."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
