"""TLS in front of a host, with an authority of its own: what a team's https host looks like."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def make_certificates(folder: Path, *names: str, plain: bool = False) -> tuple[Path, Path]:
    """An authority's certificate, and a server's for these names with its key in one file.

    `plain`: the authority without what newer rules ask for, as many a team has made theirs.
    """
    now = datetime.datetime.now(tz=datetime.UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of tests")])

    def certificate(subject: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    ca = certificate(authority_name, authority_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=not plain
    )
    if not plain:
        ca = ca.add_extension(_SIGNS_CERTIFICATES, critical=True).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False
        )
    alternatives = [_general_name(name) for name in names]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    server = (
        certificate(x509.Name([]), key)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
        .add_extension(issuer, critical=False)
    )
    pem = serialization.Encoding.PEM
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    server_file.write_bytes(
        server.sign(authority_key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ca_file, server_file


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextmanager
def tls_in_front_of(port: int, certificate: Path) -> Iterator[int]:
    """The port where TLS is taken off what goes to `port`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_relay, args=(context, caller, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _relay(context: ssl.SSLContext, caller: socket.socket, port: int) -> None:
    with (
        suppress(OSError),
        caller,
        context.wrap_socket(caller, server_side=True) as plain,
        socket.create_connection(("127.0.0.1", port)) as host,
    ):
        back = threading.Thread(target=_pipe, args=(host, plain), daemon=True)
        back.start()
        _pipe(plain, host)
        back.join()


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
