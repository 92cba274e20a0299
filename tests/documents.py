"""What people are told: the README and every page of the handbook, as one text."""

import re
from pathlib import Path

from swaps.handbook import pages as handbook
from swaps.handbook.contents import READERS

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text()
HANDBOOK = "\n".join(
    handbook.source(reader.folder, name).read_text() for reader in READERS for name in reader.pages
)
TOLD = f"{README}\n{HANDBOOK}"


def blocks(language: str) -> list[str]:
    """The code blocks of that language, wherever they are told."""
    return re.findall(rf"^```{language}\n(.*?)^```", TOLD, re.MULTILINE | re.DOTALL)
