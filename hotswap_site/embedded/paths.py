"""Where the embedded parts keep their data and their sockets.

Only the standard library: the settings import this.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hotswap_site.embedded.errors import EmbeddedError

# The kernel keeps a unix socket's path in 108 bytes, the closing zero included.
SOCKET_PATH_BYTES = 107
# Room for the longest name we give a socket below the run folder.
LONGEST_SOCKET_NAME = "postgres/.s.PGSQL.5432.lock".ljust(40)

DATABASE = "hotswap"
OWNER_ROLE = "hotswap_owner"
APPLICATION_ROLE = "hotswap"

ADVICE = "set HOTSWAP_HOME to a folder you can write"


@dataclass(frozen=True)
class HotswapHome:
    """The folder (`HOTSWAP_HOME`) that holds all that must be found again at the next start."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(os.path.abspath(self.path)))

    @property
    def postgres_data(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def bootstrap(self) -> Path:
        """Envoy's bootstrap files, one a router node."""
        return self.path / "bootstrap"

    @property
    def run(self) -> Path:
        """Unix sockets. Below the home, or in a short folder when the home's path is too long.

        The short folder is a function of the home alone, and always in /tmp: TMPDIR may
        differ between the processes that have to meet there.
        """
        run = self.path / "run"
        if len(os.fsencode(run / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES:
            return run
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path("/tmp") / f"hotswap-{digest}"  # noqa: S108 - create() checks mode and owner

    def socket(self, name: str) -> Path:
        """The unix socket called `name` (at most 35 bytes), such as `envoy-1-admin`."""
        return self.run / f"{name}.sock"

    @property
    def postgres_sockets(self) -> Path:
        """The folder Postgres puts its socket in; to its clients, the `host`."""
        return self.run / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.socket("valkey")

    def create(self) -> None:
        """Make the folders that are missing. Raises EmbeddedError when that is not possible."""
        # Others may pass through the home (as root, Postgres runs under another user), but
        # only its owner reads what lies in it.
        make_folder(self.path, 0o711)
        for folder in (self.valkey_data, self.logs, self.bootstrap):
            make_folder(folder)
        make_folder(self.run, 0o711)
        if self.run.parent != self.path:
            _refuse_planted_folder(self.run)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make `folder` unless it is there. Raises EmbeddedError unless we can write it then."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"the folder {folder} cannot be made ({error.strerror}: {error.filename}); {ADVICE}."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EmbeddedError(f"the folder {folder} cannot be written by this user; {ADVICE}.")


def _refuse_planted_folder(folder: Path) -> None:
    """In /tmp anybody could have made the folder first, and would own our sockets' names."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedError(
            f"{folder} was made by somebody else, so sockets would not be safe there; remove it, "
            "or set HOTSWAP_HOME to a folder with a shorter path."
        )


def default_database_url(home: HotswapHome) -> str:
    """The application's database: neither superuser nor owner of the tables."""
    return _postgres_url(home, APPLICATION_ROLE)


def default_owner_database_url(home: HotswapHome) -> str:
    """The same database as the role that owns it: for migrations and tests."""
    return _postgres_url(home, OWNER_ROLE)


def default_valkey_url(home: HotswapHome) -> str:
    """Valkey as redis-py spells it; Celery wants `redis+socket://` for the same socket."""
    return f"unix://{quote(str(home.valkey_socket))}"


def _postgres_url(home: HotswapHome, role: str) -> str:
    return f"postgresql://{role}@/{DATABASE}?host={quote(str(home.postgres_sockets), safe='')}"
