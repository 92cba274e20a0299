"""Certificates for nodes: who is named in them, and the files they are kept in."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from swaps.access.certificate_folder import EXPIRY_WARNING, CertificateFolder, ends_soon, expiry
from swaps.access.certificates import Authority, CertificateProblem, node_of


def certificate_in(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


@pytest.fixture
def folder(tmp_path: Path) -> CertificateFolder:
    return CertificateFolder(tmp_path / "xds")


def test_a_nodes_certificate_names_it_and_is_for_clients_alone() -> None:
    issued = Authority.new().issue_node("edge-1", timedelta(days=7))
    assert node_of(issued.pem) == ("edge-1", issued.serial)
    usage = certificate_in(issued.pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert issued.expires_at - datetime.now(UTC) <= timedelta(days=7)
    assert "PRIVATE KEY" not in repr(issued)


@pytest.mark.parametrize("of", [Authority.issue_router, Authority.certificate])
def test_no_other_certificate_names_a_node(of: object) -> None:
    made = of(Authority.new())  # type: ignore[operator]
    with pytest.raises(CertificateProblem, match="not that of a node"):
        node_of(getattr(made, "pem", made))


def test_what_is_made_once_stays_and_is_its_owners_alone(folder: CertificateFolder) -> None:
    first = folder.open_authority()
    files = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    assert set(files) == {"ca.key", "ca.crt", "router.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.open_authority().pem == first.pem
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == files
    certificate_in(files["router.pem"]).verify_directly_issued_by(certificate_in(files["ca.crt"]))


def test_the_router_processes_certificate_is_renewed_before_it_ends(
    folder: CertificateFolder,
) -> None:
    authority = folder.open_authority()
    folder.router.write_bytes(authority.issue_node("x", EXPIRY_WARNING - timedelta(days=1)).pem)
    assert ends_soon(expiry(folder.router))
    folder.open_authority()
    assert not ends_soon(expiry(folder.router))


def test_a_machine_without_the_authoritys_key_says_where_to_enrol(
    folder: CertificateFolder,
) -> None:
    folder.open_authority()
    folder.authority_key.unlink()
    with pytest.raises(CertificateProblem, match="enrol nodes where it was made"):
        folder.open_authority()
    assert folder.read_router().own == folder.router.read_bytes(), "it still serves"


def test_files_that_are_missing_or_no_certificates_are_named(folder: CertificateFolder) -> None:
    with pytest.raises(CertificateProblem, match=r"ca\.crt and router\.pem"):
        folder.read_router()
    folder.open_authority()
    folder.router.write_text("nonsense")
    with pytest.raises(CertificateProblem, match=r"router\.pem holds no certificate"):
        expiry(folder.router)
    folder.authority_key.write_text("nonsense")
    with pytest.raises(CertificateProblem, match="key cannot be read"):
        folder.open_authority()
