"""Files for our own eyes: what they hold opens doors."""

import os
import secrets
from pathlib import Path

from hotswap_site.embedded.errors import EmbeddedError

# Of a secret in a file: what is shorter is none, but a file that was cut off or made by hand.
FEWEST_CHARACTERS = 32


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and readable by nobody else from the first byte on."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)


def kept_secret(path: Path, variable: str) -> str:
    """The secret in a file, made by the first who asks: the same for all, and after a restart.

    `variable`: the environment variable that would give it instead, for the way out.
    Raises EmbeddedError for a file that cannot be made or read, and for one that holds no secret.
    """
    try:
        if not path.exists():
            _make_once(path, secrets.token_urlsafe(48))
        secret = path.read_text().strip()
    except OSError as error:
        raise EmbeddedError(
            f"{path} cannot be used ({error.strerror}); set HOTSWAP_HOME to a folder you can "
            f"write, or give the secret by {variable}."
        ) from error
    if len(secret) < FEWEST_CHARACTERS:
        raise EmbeddedError(
            f"{path} holds no secret: {len(secret)} characters, where at least "
            f"{FEWEST_CHARACTERS} are needed. Put back what it held, from a backup or another "
            f"machine, or give the secret by {variable}; only where nothing was signed or "
            "encrypted with it yet, delete the file, and a new one is made."
        )
    return secret


def _make_once(path: Path, text: str) -> None:
    """Whole from the first moment it is there: another process may read it at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(unfinished, text)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass  # another process was first, and its secret is the one
    finally:
        unfinished.unlink()
