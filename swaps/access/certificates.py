"""Who may speak to a router process over the network: certificates of an authority of our own.

Nobody else's authority is trusted, and a certificate says what its owner is by a name that no
other purpose has: `urn:hotswap:router` for router processes, `urn:hotswap:node:ID` for a node.
So it does not matter by which host name or address a router process is reached, and a node's
certificate cannot pass for a router process's.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROUTER = "urn:hotswap:router"
NODE_PREFIX = "urn:hotswap:node:"

AUTHORITY_LIFETIME = timedelta(days=3650)
CERTIFICATE_LIFETIME = timedelta(days=365)
# Clocks of other machines may be behind ours.
_BACKDATED = timedelta(hours=1)


class CertificateProblem(Exception):
    """A file of keys or certificates cannot be used; the message names it and the way out."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and, after it, its key, which is nowhere else; PEM.

    Together, because who renews the two one after the other has, in between, a pair that does
    not match.
    """

    pem: bytes = field(repr=False)
    serial: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates, with a key that is nobody else's."""

    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> "Authority":
        return cls(_new_key())

    @classmethod
    def of(cls, pem: bytes) -> "Authority":
        """Raises CertificateProblem for a key that `pem` did not make."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (TypeError, ValueError) as error:
            raise CertificateProblem(f"the authority's key cannot be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateProblem("the authority's key is not one that Hotswap made")
        return cls(key)

    @property
    def pem(self) -> bytes:
        return _pem_of(self.key)

    def certificate(self) -> bytes:
        """A certificate of its own, PEM. All that are ever made stand for the same key."""
        return _pem(
            _unsigned(
                self.key.public_key(), "Hotswap nodes", datetime.now(UTC) + AUTHORITY_LIFETIME
            )
            .issuer_name(_AUTHORITY_NAME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def issue_router(self) -> Issued:
        return self._issue(ROUTER, ExtendedKeyUsageOID.SERVER_AUTH, CERTIFICATE_LIFETIME)

    def issue_node(self, node_id: str, lifetime: timedelta = CERTIFICATE_LIFETIME) -> Issued:
        return self._issue(NODE_PREFIX + node_id, ExtendedKeyUsageOID.CLIENT_AUTH, lifetime)

    def _issue(self, name: str, usage: x509.ObjectIdentifier, lifetime: timedelta) -> Issued:
        key = _new_key()
        expires_at = datetime.now(UTC).replace(microsecond=0) + lifetime
        certificate = (
            _unsigned(key.public_key(), "Hotswap", expires_at)
            .issuer_name(_AUTHORITY_NAME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return Issued(_pem(certificate) + _pem_of(key), serial_of(certificate), expires_at)


def node_of(certificate: bytes) -> tuple[str, str]:
    """The node id that a verified certificate is for, and its serial number.

    Raises CertificateProblem for one that is not a node's.
    """
    parsed = x509.load_pem_x509_certificate(certificate)
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    nodes = [uri.removeprefix(NODE_PREFIX) for uri in uris if uri.startswith(NODE_PREFIX)]
    if len(nodes) != 1:
        raise CertificateProblem("the certificate is not that of a node")
    return nodes[0], serial_of(parsed)


def serial_of(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


_AUTHORITY_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hotswap nodes")])


def _unsigned(
    key: ec.EllipticCurvePublicKey, common_name: str, expires_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _BACKDATED)
        .not_valid_after(expires_at)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
