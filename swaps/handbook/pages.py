"""Markdown to pages: rendered once a process, linked with one another, and searched by words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from swaps.handbook.contents import READERS, Reader

FOLDER = Path(__file__).parent
# Where the console serves the pages; in the repository the same links lead to the files.
ADDRESS = "/help"
MOST_FOUND = 20
EXCERPT = 160

# No HTML of its own: what a page may show is what Markdown has.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


class NoSuchPage(LookupError):
    """There is no page of that reader and name."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a page and what stands under it, as plain words."""

    anchor: str  # "" before the first heading below the title
    heading: str
    words: str


@dataclass(frozen=True, slots=True)
class Page:
    reader: Reader
    name: str
    title: str
    html: str
    sections: tuple[Section, ...]

    @property
    def address(self) -> str:
        return f"{ADDRESS}/{self.reader.folder}/{self.name}"


@dataclass(frozen=True, slots=True)
class Hit:
    page: Page
    section: Section

    @property
    def address(self) -> str:
        anchor = self.section.anchor
        return f"{self.page.address}#{anchor}" if anchor else self.page.address

    @property
    def excerpt(self) -> str:
        words = self.section.words
        return words if len(words) <= EXCERPT else f"{words[:EXCERPT].rsplit(' ', 1)[0]} …"


def source(reader: str, name: str) -> Path:
    return FOLDER / reader / f"{name}.md"


@cache
def page(reader: str, name: str) -> Page:
    """Raises NoSuchPage."""
    for known in READERS:
        if known.folder == reader and name in known.pages:
            return _render(known, name, source(reader, name).read_text())
    raise NoSuchPage(f"{reader}/{name}")


def pages() -> Iterator[Page]:
    for reader in READERS:
        for name in reader.pages:
            yield page(reader.folder, name)


def search(asked: str) -> list[Hit]:
    """Sections that have all of these words, those that have them in a heading first."""
    words = asked.casefold().split()
    if not words:
        return []
    hits = [
        Hit(one, section)
        for one in pages()
        for section in one.sections
        if all(
            word in f"{one.title} {section.heading} {section.words}".casefold() for word in words
        )
    ]

    def by_heading(hit: Hit) -> int:
        heading = f"{hit.page.title} {hit.section.heading}".casefold()
        return -sum(word in heading for word in words)

    return sorted(hits, key=by_heading)[:MOST_FOUND]


def _render(reader: Reader, name: str, text: str) -> Page:
    tokens = MARKDOWN.parse(text)
    title = next(
        (_plain(tokens[i + 1]) for i, t in enumerate(tokens) if t.type == "heading_open"), name
    )
    sections = tuple(_sections(tokens))
    for token in tokens:
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("href", _link(str(inner.attrGet("href") or ""), reader))
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return Page(reader, name, title, html, sections)


def _sections(tokens: list[Token]) -> Iterator[Section]:
    """Gives each heading its anchor on the way."""
    anchor, heading, words = "", "", list[str]()
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag != "h1":
            yield Section(anchor, heading, " ".join(words))
            heading, words = _plain(tokens[index + 1]), []
            anchor = re.sub(r"[^a-z0-9]+", "-", heading.casefold()).strip("-")
            token.attrSet("id", anchor)
        elif token.type == "inline" and tokens[index - 1].type != "heading_open":
            words.append(_plain(token))
        elif token.type == "fence":
            words.append(" ".join(token.content.split()))
    yield Section(anchor, heading, " ".join(words))


def _plain(token: Token) -> str:
    return "".join(
        " " if inner.type in {"softbreak", "hardbreak"} else inner.content
        for inner in token.children or ()
    )


def _link(href: str, reader: Reader) -> str:
    """`people.md#roles` and `../operator/console.md` lead to files there, and to pages here."""
    found = re.fullmatch(r"(?:\.\./([a-z]+)/)?([a-z-]+)\.md(#[\w-]+)?", href)
    if found is None:
        return href
    return f"{ADDRESS}/{found[1] or reader.folder}/{found[2]}{found[3] or ''}"
