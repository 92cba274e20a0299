"""What an enrolled node is handed: a folder to put on its machine, and to start its Envoy in."""

import json
from pathlib import Path
from typing import Any

from swaps.access.certificate_folder import write_private
from swaps.access.certificates import Issued
from swaps.router.xds.control_cluster import AUTHORITY_FILE, CERTIFICATE_FILE, certificate_sources

BOOTSTRAP_FILE = "envoy.json"
START_FILE = "start.sh"
ADMIN_SOCKET = Path("admin.sock")

# The lock stays with Envoy across the exec, and the kernel gives it back when that process
# has ended, however it ended. So whoever has it knows that no earlier one routes any more.
_START = """\
#!/bin/sh
# Starts this node's Envoy; ENVOY names its program. Arguments are passed on to it.
set -eu
cd "$(dirname "$0")"
exec 9>>lock
flock -n 9 || { echo "an Envoy of this node already runs" >&2; exit 1; }
nonce=$(cat /proc/sys/kernel/random/uuid)
exec "${ENVOY:-envoy}" --config-path envoy.json --disable-hot-restart --log-level warning \\
  --config-yaml "{node: {metadata: {nonce: '$nonce', alone: true}}}" "$@"
"""


def write_node_folder(
    folder: Path, issued: Issued, authority: bytes, bootstrap: dict[str, Any] | None
) -> None:
    """For its owner alone. Without a bootstrap only the certificate is renewed.

    Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / AUTHORITY_FILE, authority)
    write_private(folder / CERTIFICATE_FILE, issued.pem)
    if bootstrap is not None:
        for name, content in certificate_sources().items():
            write_private(folder / name, _json(content))
        write_private(folder / BOOTSTRAP_FILE, _json(bootstrap))
        write_private(folder / START_FILE, _START.encode())
        (folder / START_FILE).chmod(0o700)


def node_of_folder(folder: Path) -> str | None:
    """The node that this folder was written for; None where there is none yet."""
    try:
        return str(json.loads((folder / BOOTSTRAP_FILE).read_text())["node"]["id"])
    except (OSError, ValueError, LookupError):
        return None


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2).encode()
