"""Which server, with which token: from the environment, or as `hotswap login` kept them.

The token is never an argument, where every user of the machine could read it.
"""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from swaps.cli.exits import Misused, Unauthenticated

URL_VARIABLE = "HOTSWAP_URL"
TOKEN_VARIABLE = "HOTSWAP_TOKEN"  # noqa: S105 - the name of a variable, not a token


@dataclass(frozen=True, slots=True)
class Login:
    url: str  # without a slash at its end
    token: str = field(repr=False)


def kept_at() -> Path:
    """The file that `hotswap login` writes."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return folder / "hotswap" / "login.json"


def current_login() -> Login:
    """The environment wins over what was kept. Raises Unauthenticated, Misused."""
    url, token = os.environ.get(URL_VARIABLE, ""), os.environ.get(TOKEN_VARIABLE, "")
    kept = None if url and token else _kept()
    if url:
        url = checked_url(url)
    if not token and kept is not None and url and url != kept.url:
        # A token is a secret between its holder and one server.
        raise Unauthenticated(
            f"{URL_VARIABLE} is {url}, but the token in {kept_at()} is for {kept.url}: set "
            f"{TOKEN_VARIABLE} too, or run 'hotswap login {url}'"
        )
    if kept is not None:
        url, token = url or kept.url, token or kept.token
    if not url or not token:
        missing = URL_VARIABLE if not url else TOKEN_VARIABLE
        raise Unauthenticated(f"not logged in: run 'hotswap login URL', or set {missing}")
    return Login(url, checked_token(token))


def keep(login: Login) -> Path:
    """Whole or not at all, readable by nobody else from the first byte on."""
    path = kept_at()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": login.url, "token": login.token}, file)
    unfinished.replace(path)
    return path


def forget() -> bool:
    """Returns whether there was anything to forget."""
    try:
        kept_at().unlink()
    except FileNotFoundError:
        return False
    return True


def checked_url(text: str) -> str:
    """Raises Misused."""
    try:
        url = httpx.URL(text.strip().rstrip("/"))
    except httpx.InvalidURL as error:
        raise Misused(f"{text!r} is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Misused(f"the address {text!r} must look like https://hotswap.example.com")
    if url.userinfo or url.query or url.fragment:
        raise Misused("the address must hold no password, query or fragment: the host is enough")
    return str(url)


def checked_token(text: str) -> str:
    """Raises Misused; what cannot be in a header is not repeated, for it may be a secret."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Misused("that is no API token: it has letters, digits and signs, and no space")
    return token


def _kept() -> Login | None:
    path = kept_at()
    try:
        with path.open() as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise Unauthenticated(
                    f"{path} can be read by others (mode {mode:04o}): run 'chmod 600 {path}', "
                    "or revoke the token and log in anew"
                )
            found = json.load(file)
            return Login(checked_url(found["url"]), found["token"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated(
            f"{path} cannot be read ({type(error).__name__}): run 'hotswap login URL' again"
        ) from error
