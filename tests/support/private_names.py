"""A contract for import-linter: some modules use no private name of others, neither imported nor as an attribute."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def private_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each private name that is not of the module itself: imported, or an attribute of anything but
    self and cls.

    >>> list(private_names("from a import _b, c\\nc._d, self._e, c.__name__"))
    [(1, '_b'), (2, '_d')]
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from ((node.lineno, name) for name in names if _is_private(name))
        elif isinstance(node, ast.Import):
            parts = (part for alias in node.names for part in alias.name.split("."))
            yield from ((node.lineno, name) for name in parts if _is_private(name))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield node.lineno, node.attr


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


class PrivateNamesContract(Contract):
    """users: packages whose modules are looked at."""

    type_name = "private_names"
    users = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        found = [
            f"{module}, line {line}: {name}"
            for package in self.users  # type: ignore[attr-defined]
            for module in sorted({package, *graph.find_descendants(package)})
            for line, name in private_names(_source(module))
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        found: list[Any] = check.metadata["found"]
        for line in found:
            output.print_error(line)


def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    return Path(str(spec.origin)).read_text(encoding="utf-8")
