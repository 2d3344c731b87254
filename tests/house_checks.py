"""What the house rules measure: imports between modules, sizes of files, functions and folders, rooms of tests.

Each check takes the folder that holds the code (the real one, or a planted one) and returns what is wrong, in words.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 30
FILES_OF_A_FOLDER = 13

MAY_IMPORT: Mapping[str, set[str]] = {
    "errors": set(),
    "rules": {"errors"},
    "settings": {"rules"},
    "actions": {"rules", "errors"},
    "adapters": {"rules", "errors"},
    "gateways": {"actions", "rules", "errors"},
    "services": {"settings", "gateways", "adapters", "actions", "rules", "errors"},
    "main": {"services", "gateways"},
}
"""Which layers a layer may import, beside itself."""

Edges = dict[str, set[str]]


def python_files(root: Path) -> list[Path]:
    return sorted(file for file in root.rglob("*.py") if not any(part[0] == "." for part in file.parts[1:]))


def modules(functions: Path) -> dict[str, Path]:
    """The modules below a source root by their full names; a package by its own."""
    return {
        ".".join(file.relative_to(functions).with_suffix("").parts).removesuffix(".__init__"): file
        for file in python_files(functions)
    }


def layer_of(module: str) -> str:
    """`warmpost.rules.model.events` is of `rules`, `main` of `main`; empty for the package itself."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "warmpost" else top


def imported(file: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_graph(functions: Path) -> Edges:
    """Module to the modules it imports, those under TYPE_CHECKING and inside functions included."""
    known = modules(functions)
    edges: Edges = {name: set() for name in known}
    for name, file in known.items():
        for full in imported(file):
            to = full if full in known else full.rpartition(".")[0]
            if to in known and to != name:
                edges[name].add(to)
    return edges


def circles(functions: Path) -> list[str]:
    """Circles between modules, and between the folders of a layer."""
    edges = import_graph(functions)
    folders: Edges = defaultdict(set)
    for module, others in edges.items():
        own = _folder(module)
        folders[own] |= {
            _folder(other)
            for other in others
            if layer_of(other) == layer_of(module) and _folder(other) not in (own, "")
        }
    folders.pop("", None)
    return [*_circle(edges), *_circle(folders)]


def _folder(module: str) -> str:
    """`warmpost.rules.model` of what is in it; empty for what stands in no folder of a layer."""
    parts = module.split(".")
    return ".".join(parts[:3]) if len(parts) > 3 else ""


def _circle(edges: Edges) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [" imports ".join(reversed(error.args[1]))]
    return []


def arrows_upwards(functions: Path) -> list[str]:
    """Imports of a layer that may not be imported from there."""
    found = []
    for module, others in import_graph(functions).items():
        layer = layer_of(module)
        if layer and layer not in MAY_IMPORT:
            found.append(f"{module} is of no layer")
        for other in sorted(others):
            target = layer_of(other)
            if target and target != layer and target not in MAY_IMPORT.get(layer, set()):
                found.append(f"{module} imports {other}")
    return found


def foreign_imports(functions: Path, allowed: Mapping[str, set[str]]) -> list[str]:
    """Imports from outside of the standard library, but in adapters. allowed: by layer or by full module name."""
    return [
        f"{module} imports {name}"
        for module, file in modules(functions).items()
        if layer_of(module) != "adapters"
        for name in imported(file)
        if (top := name.partition(".")[0]) not in {"warmpost", *sys.stdlib_module_names}
        and top not in allowed.get(layer_of(module), set()) | allowed.get(module, set())
    ]


def flat_halls(functions: Path, excepted: set[str]) -> list[str]:
    """Folders with more files than one looks through."""
    counted: dict[Path, int] = defaultdict(int)
    for file in python_files(functions):
        counted[file.parent.relative_to(functions)] += file.name != "__init__.py"
    return [
        f"{folder} holds {count} files"
        for folder, count in counted.items()
        if count > FILES_OF_A_FOLDER and str(folder) not in excepted
    ]


def long_files(root: Path) -> list[str]:
    """`folder/file.py` of files that are not read in one sitting."""
    return [
        str(file.relative_to(root))
        for file in python_files(root)
        if len(file.read_text().splitlines()) > LINES_OF_A_FILE
    ]


def long_functions(root: Path) -> list[str]:
    """`folder/file.py::name` of functions that do not fit a screen."""
    return [
        f"{file.relative_to(root)}::{node.name}"
        for file in python_files(root)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > LINES_OF_A_FUNCTION
    ]


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its docstring is read before, not with it."""
    first = node.body[0]
    documented = ast.get_docstring(node, clean=False) is not None
    words = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (node.end_lineno or 0) - node.lineno + 1 - words


def tests_without_a_room(tests: Path, sources: list[Path], of_their_own: set[str]) -> list[str]:
    """Folders of tests that no folder of the source bears the name of. of_their_own: about the whole, not a room."""
    found = []
    for folder in sorted({file.parent.relative_to(tests) for file in tests.rglob("test_*.py")}):
        mirrored = any((source / folder).is_dir() for source in sources)
        if folder.parts and folder.parts[0] not in of_their_own and not mirrored:
            found.append(str(folder))
    return found


def tests_in_another_room(tests: Path, functions: Path) -> list[str]:
    """Tests named like one module of a layer that stand in another folder than it."""
    rooms: dict[str, set[Path]] = defaultdict(set)
    for file in python_files(functions / "warmpost"):
        rooms[file.stem].add(file.parent.relative_to(functions / "warmpost"))
    found = []
    for layer in ("rules", "actions", "adapters", "gateways"):
        for file in sorted((tests / layer).rglob("test_*.py")):
            room = file.parent.relative_to(tests)
            named = {one for one in rooms[file.stem.removeprefix("test_")] if one.parts[:1] == (layer,)}
            if named and room not in named:
                found.append(f"{file.relative_to(tests)}: {', '.join(map(str, sorted(named)))}")
    return found
