"""How the tests themselves are kept: what would spread quietly is named here."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.documents import PROJECT

TESTS = PROJECT / "tests"
PRODUCT = ("swaps", "hotswap_site")
PRIVATE = re.compile(r"_[a-z]\w*|_[A-Z]\w*")
# Names of Django and of Python's enums that their own documentation gives.
DOCUMENTED = {"_meta", "_default_manager", "_state", "_name_", "_value_"}


@cache
def sources() -> dict[str, ast.Module]:
    """Each file of the tests, by its path within the check-out."""
    files = sorted(TESTS.rglob("*.py"))
    return {str(file.relative_to(PROJECT)): ast.parse(file.read_text()) for file in files}


def of_product(module: str | None) -> bool:
    return module is not None and module.split(".")[0] in PRODUCT


def private_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a file imports, or reaches, of the product that begins with an underscore."""
    modules: set[str] = set()
    # Attributes that a file sets itself, or that its own functions are called, are its own.
    own: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=module, names=names) if of_product(module):
                modules |= {one.asname or one.name for one in names}
                for one in names:
                    if PRIVATE.fullmatch(one.name) or re.search(r"\._[a-z]", str(module)):
                        yield node.lineno, f"{module}.{one.name}"
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                own.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                own.add(name)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in DOCUMENTED:
                continue
            case ast.Attribute(value=value, attr=name) if PRIVATE.fullmatch(name):
                mine = isinstance(value, ast.Name) and value.id in modules
                if mine or name not in own:
                    yield node.lineno, ast.unparse(node)
            # By `monkeypatch.setattr(module, "_name", …)`, or by its whole path.
            case ast.Call(args=[ast.Name(id=name), ast.Constant(value=str(text)), *_]):
                if name in modules and PRIVATE.fullmatch(text):
                    yield node.lineno, f"{name}.{text}"
            case ast.Constant(value=str(text)) if re.search(
                r"\b(?:swaps|hotswap_site)(?:\.\w+)*\._[a-z]\w*", text
            ):
                yield node.lineno, text


def test_no_test_reaches_a_private_name_of_the_product() -> None:
    reached = [
        f"{file}:{line}: {name}"
        for file, tree in sources().items()
        if Path(file).name != Path(__file__).name
        for line, name in private_names(tree)
    ]
    assert reached == [], "test what it does, or make the name public where others may rely on it"


def test_a_private_name_would_be_found() -> None:
    written = """
from swaps.engine import advance, _secret
from swaps.live import broker as messages
messages._sender.stop()
patch.setattr(advance, "_begin", None)
patch.setattr("swaps.cli.rest._send", None)
sweeper._duties
advance.Swap._meta
"""
    found = [name for _, name in sorted(private_names(ast.parse(written)))]
    assert found == [
        "swaps.engine._secret",
        "messages._sender",
        "advance._begin",
        "swaps.cli.rest._send",
        "sweeper._duties",
    ]


def test_nothing_is_imported_from_a_conftest() -> None:
    """What several files use is a fixture of tests.plugin, or a builder of tests.given."""
    imported = [
        f"{file}:{node.lineno}: {node.module}"
        for file, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).endswith("conftest")
    ]
    assert imported == []
