"""Where Envoys of other machines connect: TCP, with certificates on both sides."""

import threading
from dataclasses import dataclass

import grpc
import structlog

from swaps.access.certificate_folder import CertificateFolder, RouterFiles
from swaps.access.certificates import CertificateProblem

log = structlog.get_logger(__name__)

# A connection keeps the certificates it began with: at least daily they are shown anew, so
# that a renewed one is in use long before the old one ends.
CONNECTION_LIFETIME_MS = 24 * 3600 * 1000
# What is under way when that time is over: its streams never end by themselves.
CONNECTION_GRACE_MS = 5_000

OPTIONS = [
    ("grpc.max_connection_age_ms", CONNECTION_LIFETIME_MS),
    ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_MS),
    # A machine that lost its power closes nothing.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Two processes on one port would share its nodes out among them without a word.
    ("grpc.so_reuseport", 0),
]


@dataclass(frozen=True, slots=True)
class NetworkDoor:
    """`address`: HOST:PORT to listen on."""

    address: str
    folder: CertificateFolder

    def credentials(self) -> grpc.ServerCredentials:
        """Read anew for each connection, so that a renewal needs no restart.

        Raises CertificateProblem.
        """
        shown = self.folder.read_router()
        comparing = threading.Lock()

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            """None: as before. gRPC frees what another connection's handshake may be using when
            it is given a configuration (grpc/grpc#36693), so it gets one when there is a new one
            only: given one for each connection, strangers who knock often end the process.
            """
            nonlocal shown
            with comparing:
                try:
                    found = self.folder.read_router()
                except CertificateProblem as error:
                    log.error(
                        "certificates not read; those from before are shown", reason=str(error)
                    )
                    return None
                if found == shown:
                    return None
                shown = found
            log.info("certificates were renewed; new connections use them")
            return _configuration(found)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(shown),
            renewed,  # type: ignore[arg-type] # None is documented, and missing in its types
            require_client_authentication=True,
        )


def _configuration(files: RouterFiles) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(files.own, files.own)], root_certificates=files.authority
    )
