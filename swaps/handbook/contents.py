"""The handbook's contents: a page is an entry here, and a file in the folder of its reader."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a job to do. `folder` is a folder beside this file, `pages` files in it."""

    folder: str
    title: str
    words: str
    pages: tuple[str, ...]


READERS = (
    Reader(
        "operator",
        "For operators",
        "who put new versions in front of traffic, and take them back",
        ("one-swap", "console", "strategies"),
    ),
    Reader(
        "pipeline",
        "For authors of pipelines",
        "whose programs start swaps and wait for their end",
        ("rest", "command-line", "python"),
    ),
    Reader(
        "administrator",
        "For administrators",
        "who decide who may do what, and what swaps run on",
        ("people", "audit-log"),
    ),
    Reader(
        "running",
        "Running it for real",
        "who keep Hotswap itself alive, on machines of their own",
        ("processes", "envoys-elsewhere", "settings", "backup"),
    ),
    Reader(
        "evidence",
        "The evidence",
        "who want to know whether all this is true",
        ("speed", "faults", "tests"),
    ),
)
