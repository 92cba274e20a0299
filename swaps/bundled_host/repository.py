"""The folder of model files: `ROOT/{model}/{version}/model.onnx`.

Names come from URLs, so nothing is opened that is not a regular file below ROOT,
also after following symbolic links (links inside ROOT are fine: several versions
may share a file).
"""

import re
import stat
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_MAX_NAME_LENGTH = 63
# `/v2/health/ready`, `/v2/repository/index` and the like sit where a model's name
# would: a router that picks a table by the third part of the path would confuse them.
RESERVED_MODEL_NAMES = frozenset({"ready", "live", "index", "models", "health", "repository"})


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One version of one model."""

    model: str
    version: str

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model file as it was when we looked.

    `identity` changes whenever the file is written or replaced: what was computed
    for another identity says nothing about this file.
    """

    ref: Ref
    path: Path
    size_bytes: int
    identity: tuple[int, int, int, int]


def name_problem(ref: Ref) -> str | None:
    """Why `ref` can't name a version here, or None."""
    for what, name in (("model", ref.model), ("version", ref.version)):
        if len(name) > _MAX_NAME_LENGTH:
            return f"the {what} name is longer than {_MAX_NAME_LENGTH} characters"
        if not _NAME.fullmatch(name):
            return (
                f"{name!r} is not a {what} name: lower case letters and digits, "
                "joined by single '.', '_' or '-'"
            )
    if ref.model in RESERVED_MODEL_NAMES:
        return f"the model name {ref.model!r} is reserved: the protocol uses that path itself"
    return None


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root.resolve(strict=True)

    def find(self, ref: Ref) -> Artifact | None:
        """The file of a version, or None when there is none we may open."""
        if name_problem(ref):
            return None
        try:
            path = (self.root / ref.model / ref.version / "model.onnx").resolve(strict=True)
            status = path.stat()
        except OSError:
            return None  # absent, not readable or a loop of links: not a version we have
        # A named pipe would hold the loading thread for ever; a link may lead anywhere.
        if not stat.S_ISREG(status.st_mode) or not path.is_relative_to(self.root):
            return None
        return Artifact(
            ref,
            path,
            status.st_size,
            (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns),
        )

    def scan(self) -> list[Artifact]:
        """Every version on disk, sorted; folders with other names are no versions."""
        found = (
            self.find(Ref(file.parent.parent.name, file.parent.name))
            for file in self.root.glob("*/*/model.onnx")
        )
        return sorted((a for a in found if a is not None), key=lambda a: a.ref)
