"""How an Envoy reaches its router processes: part of the bootstrap it starts with."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaps.access.certificates import ROUTER

XDS_CLUSTER = "router_process"

# A connection keeps the certificate it began with. After this long new streams use another
# connection, so a node that was refused shows its renewed certificate without a restart.
CONNECTION_FOR_NEW_STREAMS_SECONDS = 30

# What an enrolled node has in its folder, the one it is started in.
AUTHORITY_FILE = "ca.crt"
CERTIFICATE_FILE = "node.pem"  # with its key
# Envoy takes one secret a file.
CERTIFICATE_SOURCE = "certificate.json"
AUTHORITY_SOURCE = "authority.json"


@dataclass(frozen=True, slots=True)
class Network:
    """Router processes on other machines, each HOST:PORT, by the files of an enrolled node."""

    routers: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Sockets:
    """Router processes on this machine."""

    paths: Sequence[Path]


_SOURCE = "xds"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def xds_cluster(routers: Sockets | Network) -> dict[str, Any]:
    """Envoy's cluster of them, with which it opens its streams for routes and metrics."""
    protocol: dict[str, Any] = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {
            "http2_protocol_options": {
                # A router process that is stopped, not dead, keeps its socket open:
                # without this its Envoys would wait for it and try no other.
                "connection_keepalive": {"interval": "10s", "timeout": "20s"}
            }
        },
    }
    cluster: dict[str, Any] = {
        "name": XDS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol
        },
    }
    addresses: list[dict[str, Any]]
    match routers:
        case Sockets(paths):
            addresses = [{"pipe": {"path": str(path)}} for path in paths]
        case Network(found):
            addresses = [{"socket_address": {"address": h, "port_value": p}} for h, p in found]
            if not all(_is_ip(host) for host, _ in found):
                cluster["type"] = "STRICT_DNS"
            protocol["common_http_protocol_options"] = {
                "max_connection_duration": f"{CONNECTION_FOR_NEW_STREAMS_SECONDS}s"
            }
            cluster["transport_socket"] = _tls()
    cluster["load_assignment"] = {
        "cluster_name": XDS_CLUSTER,
        "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}
        ],
    }
    return cluster


def _tls() -> dict[str, Any]:
    """Files by name: the folder may lie anywhere on the node's machine."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TLS}.UpstreamTlsContext",
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "alpn_protocols": ["h2"],
                # By reference, because only then Envoy looks at the files again when they
                # are replaced: a renewal needs no restart, which would break requests off.
                "tls_certificate_sds_secret_configs": [_source_in(CERTIFICATE_SOURCE)],
                "combined_validation_context": {
                    "default_validation_context": {
                        "match_typed_subject_alt_names": [
                            {"san_type": "URI", "matcher": {"exact": ROUTER}}
                        ]
                    },
                    "validation_context_sds_secret_config": _source_in(AUTHORITY_SOURCE),
                },
            },
        },
    }


def certificate_sources() -> dict[str, dict[str, Any]]:
    """By file name in the node's folder, what tells Envoy where key and certificates lie."""
    return {
        CERTIFICATE_SOURCE: _source(
            tls_certificate={
                "certificate_chain": {"filename": _here(CERTIFICATE_FILE)},
                "private_key": {"filename": _here(CERTIFICATE_FILE)},
            }
        ),
        AUTHORITY_SOURCE: _source(
            validation_context={"trusted_ca": {"filename": _here(AUTHORITY_FILE)}}
        ),
    }


def _source(**kind: Any) -> dict[str, Any]:
    return {"resources": [{"@type": f"{_TLS}.Secret", "name": _SOURCE, **kind}]}


def _source_in(file: str) -> dict[str, Any]:
    return {
        "name": _SOURCE,
        "sds_config": {
            "path_config_source": {"path": _here(file)},
            "resource_api_version": "V3",
        },
    }


def _here(name: str) -> str:
    # Envoy watches only what has a folder in its name.
    return f"./{name}"


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
