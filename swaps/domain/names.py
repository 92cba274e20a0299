"""What a model, a version and a host may be called.

Names travel in URLs, in Envoy's configuration and in file paths of hosts, so
one narrow alphabet serves all three. `--` is kept free: adapters for servers
that know names only join model and version with it.
"""

import re

NAME_PATTERN = r"[a-z0-9]+([._-][a-z0-9]+)*"
MAX_NAME_LENGTH = 63
# `/v2/health/ready` and the repository verbs sit where a model's name would:
# the router picks a route table by the third part of the path.
RESERVED_MODEL_NAMES = frozenset({"ready", "live", "index", "models", "health", "repository"})
# The console's pages that register a model or a host are where this one's would be.
CONSOLES_NAMES = frozenset({"new"})

_NAME = re.compile(NAME_PATTERN)
# No number in a name is longer that anybody compares.
DIGITS = 20


def version_order(version: str) -> str:
    """What versions are sorted by, as people count: 1.9 before 1.10."""
    return re.sub(r"[0-9]+", lambda number: number[0].zfill(DIGITS), version)


def name_problem(name: str, *, of: str) -> str | None:
    """Why `name` cannot be the name of a `of` ("model", "version", "host"), or None."""
    if not name:
        return f"a {of} needs a name"
    if len(name) > MAX_NAME_LENGTH:
        return f"{of} name {name[:20]!r}… is longer than {MAX_NAME_LENGTH} characters"
    if not _NAME.fullmatch(name):
        return (
            f"{name!r} cannot be a {of} name: use lower case letters and digits, "
            "joined by single '.', '_' or '-'"
        )
    if of == "model" and name in RESERVED_MODEL_NAMES:
        return f"{name!r} is reserved: inference servers use that path themselves"
    if of in ("model", "host") and name in CONSOLES_NAMES:
        return f"{name!r} is reserved: the console has a page of its own at that path"
    return None
